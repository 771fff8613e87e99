"""Decoding: sequences drawn from a layer that streams, or searched for."""

from rnnjax.decoding.beam_search import Beams, beam_search
from rnnjax.decoding.carries import batch_axes
from rnnjax.decoding.constraints import block_repeats, least_length
from rnnjax.decoding.crf import BestTags, n_best_tags, sample_tags, viterbi
from rnnjax.decoding.ctc import Alignment, BestPath, ctc_align, ctc_greedy
from rnnjax.decoding.ctc_beam_search import CTCBeams, ctc_beam_search
from rnnjax.decoding.fusion import LanguageModel
from rnnjax.decoding.minimum_risk import (
    MinimumRisk,
    expected_utilities,
    minimum_risk,
    unigram_f1,
)
from rnnjax.decoding.penalties import (
    coverage_penalty,
    gnmt_penalty,
    length_penalty,
    no_penalty,
)
from rnnjax.decoding.sampling import sample
from rnnjax.decoding.transducer import Transduced, transducer_greedy

__all__ = [
    "Alignment",
    "Beams",
    "BestPath",
    "BestTags",
    "CTCBeams",
    "LanguageModel",
    "MinimumRisk",
    "Transduced",
    "batch_axes",
    "beam_search",
    "block_repeats",
    "coverage_penalty",
    "ctc_align",
    "ctc_beam_search",
    "ctc_greedy",
    "expected_utilities",
    "gnmt_penalty",
    "least_length",
    "length_penalty",
    "minimum_risk",
    "n_best_tags",
    "no_penalty",
    "sample",
    "sample_tags",
    "transducer_greedy",
    "unigram_f1",
    "viterbi",
]

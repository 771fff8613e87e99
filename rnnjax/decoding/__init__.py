"""Decoding: sequences drawn from a layer that streams, or searched for.

`sample`, `generate` and the samplers draw; `beam_search` and the decoders of CRFs, CTC
and transducers search; `scheduled_inputs` draws inputs for training.
"""

from rnnjax.decoding.beam_search import Beams, beam_search
from rnnjax.decoding.carries import batch_axes
from rnnjax.decoding.choices import gumbel_max, inverse_cdf
from rnnjax.decoding.constraints import block_repeats, least_length
from rnnjax.decoding.crf import BestTags, n_best_tags, sample_tags, viterbi
from rnnjax.decoding.ctc import Alignment, BestPath, ctc_align, ctc_greedy
from rnnjax.decoding.ctc_beam_search import CTCBeams, ctc_beam_search
from rnnjax.decoding.filters import keep_min_p, keep_top_k, keep_top_p
from rnnjax.decoding.fusion import LanguageModel
from rnnjax.decoding.generate import Generated, generate
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
from rnnjax.decoding.samplers import (
    Sampler,
    greedy,
    sample_bernoulli,
    sample_density,
    sample_tokens,
    without_log_probs,
)
from rnnjax.decoding.sampling import sample
from rnnjax.decoding.scheduled_sampling import (
    exponential_decay,
    inverse_sigmoid_decay,
    linear_decay,
    scheduled_inputs,
)
from rnnjax.decoding.transducer import Transduced, transducer_greedy

__all__ = [
    "Alignment",
    "Beams",
    "BestPath",
    "BestTags",
    "CTCBeams",
    "Generated",
    "LanguageModel",
    "MinimumRisk",
    "Sampler",
    "Transduced",
    "batch_axes",
    "beam_search",
    "block_repeats",
    "coverage_penalty",
    "ctc_align",
    "ctc_beam_search",
    "ctc_greedy",
    "expected_utilities",
    "exponential_decay",
    "generate",
    "gnmt_penalty",
    "greedy",
    "gumbel_max",
    "inverse_cdf",
    "inverse_sigmoid_decay",
    "keep_min_p",
    "keep_top_k",
    "keep_top_p",
    "least_length",
    "length_penalty",
    "linear_decay",
    "minimum_risk",
    "n_best_tags",
    "no_penalty",
    "sample",
    "sample_bernoulli",
    "sample_density",
    "sample_tags",
    "sample_tokens",
    "scheduled_inputs",
    "transducer_greedy",
    "unigram_f1",
    "viterbi",
    "without_log_probs",
]

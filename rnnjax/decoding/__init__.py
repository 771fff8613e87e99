"""Decoding: sequences drawn from a layer that streams, or searched for."""

from rnnjax.decoding.beam_search import Beams, beam_search
from rnnjax.decoding.carries import batch_axes
from rnnjax.decoding.constraints import block_repeats, least_length
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

__all__ = [
    "Beams",
    "MinimumRisk",
    "batch_axes",
    "beam_search",
    "block_repeats",
    "coverage_penalty",
    "expected_utilities",
    "gnmt_penalty",
    "least_length",
    "length_penalty",
    "minimum_risk",
    "no_penalty",
    "sample",
    "unigram_f1",
]

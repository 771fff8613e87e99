"""Losses over sequences."""

from rnnjax.losses.ctc import (
    AlignmentLoss,
    ctc_entropy,
    ctc_loss,
    ctc_num_alignments,
    ctc_posteriors,
)
from rnnjax.losses.tokens import (
    cross_entropy,
    cross_entropy_mean_over_steps,
    cross_entropy_sum_over_time,
)
from rnnjax.losses.transducer import (
    TransducerPosteriors,
    transducer_loss,
    transducer_posteriors,
)

__all__ = [
    "AlignmentLoss",
    "TransducerPosteriors",
    "cross_entropy",
    "cross_entropy_mean_over_steps",
    "cross_entropy_sum_over_time",
    "ctc_entropy",
    "ctc_loss",
    "ctc_num_alignments",
    "ctc_posteriors",
    "transducer_loss",
    "transducer_posteriors",
]

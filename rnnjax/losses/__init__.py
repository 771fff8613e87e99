"""Losses over sequences."""

from rnnjax.losses.crf import (
    CRF,
    crf,
    crf_entropy,
    crf_log_partition,
    crf_marginals,
    crf_num_paths,
)
from rnnjax.losses.crf_cross_entropy import crf_allows, crf_cross_entropy
from rnnjax.losses.ctc import (
    AlignmentLoss,
    ctc_entropy,
    ctc_loss,
    ctc_num_alignments,
    ctc_posteriors,
)
from rnnjax.losses.tag_constraints import (
    Constraints,
    bio_constraints,
    bioes_constraints,
    tag_constraints,
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
    "CRF",
    "Constraints",
    "TransducerPosteriors",
    "bio_constraints",
    "bioes_constraints",
    "crf",
    "crf_allows",
    "crf_cross_entropy",
    "crf_entropy",
    "crf_log_partition",
    "crf_marginals",
    "crf_num_paths",
    "cross_entropy",
    "cross_entropy_mean_over_steps",
    "cross_entropy_sum_over_time",
    "ctc_entropy",
    "ctc_loss",
    "ctc_num_alignments",
    "ctc_posteriors",
    "tag_constraints",
    "transducer_loss",
    "transducer_posteriors",
]

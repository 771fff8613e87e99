"""Losses over sequences."""

from rnnjax.losses.bivariate import bivariate_normal, graves_mixture
from rnnjax.losses.counts import discretized_logistic, negative_binomial
from rnnjax.losses.coverage import coverage_loss
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
from rnnjax.losses.densities import Density, negative_log_likelihood
from rnnjax.losses.location_scale import normal, student_t
from rnnjax.losses.mixtures import mixture, with_bit
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
    "Density",
    "TransducerPosteriors",
    "bio_constraints",
    "bioes_constraints",
    "bivariate_normal",
    "coverage_loss",
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
    "discretized_logistic",
    "graves_mixture",
    "mixture",
    "negative_binomial",
    "negative_log_likelihood",
    "normal",
    "student_t",
    "tag_constraints",
    "transducer_loss",
    "transducer_posteriors",
    "with_bit",
]

"""Diagnostics of recurrent networks: gradients, Jacobians, gates, blow-ups."""

from rnnjax.diagnostics.blow_ups import BlowUps, find_blow_ups
from rnnjax.diagnostics.fixed_points import FixedPoints, fixed_points
from rnnjax.diagnostics.gates import (
    dead_units,
    effective_rank,
    gates,
    saturated_units,
    saturation,
    time_constants,
)
from rnnjax.diagnostics.gradients import (
    LagNorms,
    carry_gradients,
    gradient_by_lag,
    gradient_norms_by_lag,
)
from rnnjax.diagnostics.jacobians import (
    condition_numbers,
    product_norms,
    spectral_norms,
    step_jacobians,
)
from rnnjax.diagnostics.lyapunov import kaplan_yorke_dimension, lyapunov_spectrum
from rnnjax.diagnostics.trajectory import as_vector, carries_read
from rnnjax.diagnostics.truncation import TruncationBias, truncation_bias

__all__ = [
    "BlowUps",
    "FixedPoints",
    "LagNorms",
    "TruncationBias",
    "as_vector",
    "carries_read",
    "carry_gradients",
    "condition_numbers",
    "dead_units",
    "effective_rank",
    "find_blow_ups",
    "fixed_points",
    "gates",
    "gradient_by_lag",
    "gradient_norms_by_lag",
    "kaplan_yorke_dimension",
    "lyapunov_spectrum",
    "product_norms",
    "saturated_units",
    "saturation",
    "spectral_norms",
    "step_jacobians",
    "time_constants",
    "truncation_bias",
]

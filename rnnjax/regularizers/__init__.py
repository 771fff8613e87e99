"""Penalties on vanishing gradients, activations and weights.

Each returns a scalar, which the caller multiplies by a weight and adds to the loss.
"""

from rnnjax.regularizers.activations import (
    activation_penalty,
    norm_stabilizer,
    temporal_activation_penalty,
)
from rnnjax.regularizers.tracing import GradientTrace, gradient_trace
from rnnjax.regularizers.vanishing_gradients import (
    PenalizedGradients,
    penalized_gradients,
    vanishing_gradient_penalty,
    vanishing_gradient_penalty_immediate,
)
from rnnjax.regularizers.weights import l1_penalty, l2_penalty, orthogonality_penalty

__all__ = [
    "GradientTrace",
    "PenalizedGradients",
    "activation_penalty",
    "gradient_trace",
    "l1_penalty",
    "l2_penalty",
    "norm_stabilizer",
    "orthogonality_penalty",
    "penalized_gradients",
    "temporal_activation_penalty",
    "vanishing_gradient_penalty",
    "vanishing_gradient_penalty_immediate",
]

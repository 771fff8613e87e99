"""The liquid network against its paper's solver and a fine integration."""

import numpy as np

from rnnjax.cells.ltc import ltc
from tests.cells.paper import (
    H,
    check_integrates,
    draw,
    equals_paper,
    pre_activation,
    sigmoid,
)


@equals_paper(ltc, {"num_unfolds": 1, "dt": 0.5}, {"num_unfolds": 3, "dt": 2.0})
def test_equals_paper(params, h, x, num_unfolds, dt):
    """Hasani et al. 2021, algorithm 1: the fused solver."""
    tau, part = np.exp(params["log_time_constant"]), dt / num_unfolds
    for _ in range(num_unfolds):
        f = sigmoid(pre_activation(params, x, h))
        h = (h + part * f * params["reversal"]) / (1 + part * (1 / tau + f))
    return h


def test_equals_fine_integration(x64):
    """Of equation 1, the differential equation."""
    tau = np.random.default_rng(1).uniform(0.5, 2.0, size=H)
    params = draw(ltc(H))[0] | {"log_time_constant": np.log(tau)}

    def slope(h, x):
        f = sigmoid(pre_activation(params, x, h))
        return -(1 / tau + f) * h + f * params["reversal"]

    check_integrates(lambda dt: ltc(H, dt=dt, num_unfolds=2), params, slope)

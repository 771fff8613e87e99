"""The liquid network against its paper's solver and a fine integration."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rnnjax.cells.ltc import ltc
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import H, draw, pre_activation, sigmoid


@pytest.mark.parametrize(
    ("num_unfolds", "dt", "use_bias"), [(1, 0.5, False), (3, 2.0, True)]
)
def test_equals_paper(x64, num_unfolds, dt, use_bias):
    """Hasani et al. 2021, algorithm 1: the fused solver."""

    def step(params, h, x):
        tau, part = np.exp(params["log_time_constant"]), dt / num_unfolds
        for _ in range(num_unfolds):
            f = sigmoid(pre_activation(params, x, h))
            h = (h + part * f * params["reversal"]) / (1 + part * (1 / tau + f))
        return h

    cell = ltc(H, num_unfolds=num_unfolds, dt=dt, use_bias=use_bias)
    paper.check_against_paper(cell, paper.over_time(step))


def test_equals_fine_integration(x64):
    """Of the differential equation, twice as near for twice as many unfolds."""
    dt = 0.5
    params, inputs = draw(ltc(H))
    inputs = inputs[:4, 0]
    want = h = np.random.default_rng(1).normal(size=H)
    for x in inputs:

        def slope(_, h, x=x):
            f = sigmoid(pre_activation(params, x, h))
            leak = 1 / np.exp(params["log_time_constant"])
            return -(leak + f) * h + f * params["reversal"]

        want = solve_ivp(slope, (0, dt), want, rtol=1e-10, atol=1e-12).y[:, -1]
    distances = []
    for num_unfolds in (10, 20):
        cell = ltc(H, num_unfolds=num_unfolds, dt=dt)
        got, _ = unroll(cell, params, inputs, carry=h)
        distances.append(np.abs(got - want).max())
    assert distances[0] < 0.02
    assert 1.9 < distances[0] / distances[1] < 2.1


@pytest.mark.parametrize("dt", [0.1, 1e6])
def test_stays_between_zero_and_reversal(x64, dt):
    """For steps of any length."""
    params, inputs = draw(ltc(H, dt=dt), 1, scale=1.0)
    _, outputs = unroll(ltc(H, dt=dt), params, 10 * inputs)
    share = outputs / params["reversal"]
    assert (share > 0).all() and (share < 1).all()

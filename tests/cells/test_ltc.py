"""The liquid network against its paper's solver and a fine integration."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rnnjax.cells.ltc import ltc
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper, over_time, sigmoid


@pytest.mark.parametrize(
    ("num_unfolds", "dt", "use_bias"), [(1, 0.5, False), (3, 2.0, True)]
)
def test_equals_paper(x64, num_unfolds, dt, use_bias):
    """Hasani et al. 2021, algorithm 1: the fused solver."""

    def step(params, h, x):
        tau, A = np.exp(params["log_time_constant"]), params["reversal"]
        for _ in range(num_unfolds):
            pre = x @ params["kernel"] + h @ params["recurrent_kernel"]
            f = sigmoid(pre + params["bias"] if use_bias else pre)
            part = dt / num_unfolds
            h = (h + part * f * A) / (1 + part * (1 / tau + f))
        return h

    cell = ltc(H, num_unfolds=num_unfolds, dt=dt, use_bias=use_bias)
    check_against_paper(cell, over_time(step))


def draw_params(rng):
    return {
        "kernel": rng.normal(size=(D, H)),
        "recurrent_kernel": rng.normal(size=(H, H)),
        "bias": rng.normal(size=H),
        "reversal": rng.normal(size=H),
        "log_time_constant": rng.normal(size=H),
    }


def test_equals_fine_integration(x64):
    """Of the differential equation, twice as near for twice as many unfolds."""
    rng = np.random.default_rng(0)
    params, inputs, h = draw_params(rng), rng.normal(size=(4, D)), rng.normal(size=H)
    tau, dt, want = np.exp(params["log_time_constant"]), 0.5, h
    for x in inputs:

        def slope(_, h, x=x):
            pre = x @ params["kernel"] + h @ params["recurrent_kernel"]
            f = sigmoid(pre + params["bias"])
            return -(1 / tau + f) * h + f * params["reversal"]

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
    rng = np.random.default_rng(1)
    params, inputs = draw_params(rng), 10 * rng.normal(size=(T, B, D))
    _, outputs = unroll(ltc(H, dt=dt), params, inputs)
    share = outputs / params["reversal"]
    assert (share > 0).all() and (share < 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be a positive whole number, got 0."),
        ({"num_unfolds": 0}, "num_unfolds must be a positive whole number, got 0."),
        ({"dt": 0.0}, "dt must be positive, got 0.0."),
        ({"time_constants": (0.0, 1.0)}, "time_constants must rise from above 0, got"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ltc(**({"hidden_size": H} | options))

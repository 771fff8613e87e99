"""Leaky integrators and CTRNN against their equations and a fine integration."""

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rnnjax import elman
from rnnjax.cells.continuous import ctrnn, leaky
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import D, H, draw, pre_activation
from tests.pytrees import assert_close


def leaky_step(params, h, x):
    """Jaeger et al. 2007: h = (1 - a) h + a f(U x + W h + b)."""
    return 0.7 * h + 0.3 * np.tanh(pre_activation(params, x, h))


def ctrnn_step(params, h, x):
    """A unit moves by dt / tau of what it lacks."""
    lacking = np.tanh(pre_activation(params, x, h)) - h
    return h + 0.4 * lacking / np.exp(params["log_time_constant"])


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    ("make", "options", "step"),
    [(leaky, {"leak": 0.3}, leaky_step), (ctrnn, {"dt": 0.4}, ctrnn_step)],
)
def test_equals_paper(x64, make, options, step, use_bias):
    paper.check_against_paper(
        make(H, use_bias=use_bias, **options), paper.over_time(step)
    )


def test_leak_of_one_is_elman(x64):
    params, inputs = draw(elman(H), scale=1.0)
    got = unroll(leaky(H, leak=1.0), params, inputs)
    assert_close(got, unroll(elman(H), params, inputs), 1e-15)


def test_ctrnn_equals_fine_integration(x64):
    """At small steps, and twice as near at half the step."""
    rng = np.random.default_rng(1)
    tau, x, h = rng.uniform(0.5, 2.0, size=H), rng.normal(size=D), rng.normal(size=H)
    params = draw(elman(H), scale=1.0)[0] | {"log_time_constant": np.log(tau)}

    def slope(_, h):
        return (np.tanh(pre_activation(params, x, h)) - h) / tau

    want = solve_ivp(slope, (0, 1), h, rtol=1e-10, atol=1e-12).y[:, -1]
    distances = []
    for num_steps in (200, 400):
        cell = ctrnn(H, dt=1 / num_steps)
        inputs = np.broadcast_to(x, (num_steps, D))
        distances.append(np.abs(unroll(cell, params, inputs, carry=h)[0] - want).max())
    assert distances[0] < 0.01
    assert 1.9 < distances[0] / distances[1] < 2.1


def test_time_constants_start_in_their_range():
    cell = ctrnn(200, dt=0.5, time_constants=(0.5, 50.0))
    tau = np.exp(cell.init(jax.random.key(0), D)["log_time_constant"])
    assert 0.5 <= tau.min() < 0.6 and 40 < tau.max() <= 50.0
    assert 3 < np.median(tau) < 8  # even in the logarithm: about 5

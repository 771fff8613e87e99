"""Leaky integrators and CTRNN against their equations and a fine integration."""

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from rnnjax import elman
from rnnjax.cells.continuous import ctrnn, leaky
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper, over_time
from tests.pytrees import assert_close


def draw_params(rng):
    return {
        "kernel": rng.normal(size=(D, H)),
        "recurrent_kernel": rng.normal(size=(H, H)),
        "bias": rng.normal(size=H),
    }


@pytest.mark.parametrize("use_bias", [True, False])
def test_leaky_equals_paper(x64, use_bias):
    """Jaeger et al. 2007: h = (1 - a) h + a f(U x + W h + b)."""

    def step(params, h, x):
        pre = x @ params["kernel"] + h @ params["recurrent_kernel"]
        pre = pre + params["bias"] if use_bias else pre
        return 0.7 * h + 0.3 * np.tanh(pre)

    check_against_paper(leaky(H, leak=0.3, use_bias=use_bias), over_time(step))


def test_leak_of_one_is_elman(x64):
    rng = np.random.default_rng(0)
    params, inputs = draw_params(rng), rng.normal(size=(T, B, D))
    got = unroll(leaky(H, leak=1.0), params, inputs)
    assert_close(got, unroll(elman(H), params, inputs), 1e-15)


@pytest.mark.parametrize("use_bias", [True, False])
def test_ctrnn_equals_equation(x64, use_bias):
    """A unit moves by dt / tau of what it lacks."""
    dt = 0.4

    def step(params, h, x):
        pre = x @ params["kernel"] + h @ params["recurrent_kernel"]
        pre = pre + params["bias"] if use_bias else pre
        return h + dt * (np.tanh(pre) - h) / np.exp(params["log_time_constant"])

    check_against_paper(ctrnn(H, dt=dt, use_bias=use_bias), over_time(step))


def test_ctrnn_equals_fine_integration(x64):
    """At small steps, and twice as near at half the step."""
    rng = np.random.default_rng(1)
    tau, x, h = rng.uniform(0.5, 2.0, size=H), rng.normal(size=D), rng.normal(size=H)
    params = draw_params(rng)

    def slope(_, h):
        pre = x @ params["kernel"] + h @ params["recurrent_kernel"] + params["bias"]
        return (np.tanh(pre) - h) / tau

    want = solve_ivp(slope, (0, 1), h, rtol=1e-10, atol=1e-12).y[:, -1]
    distances = []
    for num_steps in (200, 400):
        cell = ctrnn(H, dt=1 / num_steps)
        inputs = np.broadcast_to(x, (num_steps, D))
        own = params | {"log_time_constant": np.log(tau)}
        distances.append(np.abs(unroll(cell, own, inputs, carry=h)[0] - want).max())
    assert distances[0] < 0.01
    assert 1.9 < distances[0] / distances[1] < 2.1


def test_time_constants_start_in_their_range():
    cell = ctrnn(200, dt=0.5, time_constants=(0.5, 50.0))
    tau = np.exp(cell.init(jax.random.key(0), D)["log_time_constant"])
    assert 0.5 <= tau.min() < 0.6 and 40 < tau.max() <= 50.0
    assert 3 < np.median(tau) < 8  # even in the logarithm: about 5


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (leaky, {"leak": 0.0}, "leak must be above 0 and at most 1, got 0.0."),
        (leaky, {"leak": 1.5}, "leak must be above 0 and at most 1, got 1.5."),
        (leaky, {"hidden_size": 0}, "hidden_size must be a positive whole number"),
        (ctrnn, {"dt": -1.0}, "dt must be positive, got -1.0."),
        (ctrnn, {"dt": 3.0}, "time_constants must rise from at least dt, 3.0, got"),
        (ctrnn, {"time_constants": (5.0, 4.0)}, "time_constants must rise from"),
        (ctrnn, {"hidden_size": 0}, "hidden_size must be a positive whole number"),
    ],
)
def test_bad_options_are_named(make, options, message):
    with pytest.raises(ValueError, match=message):
        make(**({"hidden_size": H} | options))

"""Leaky integrators and CTRNN against their equations and a fine integration."""

import numpy as np

from rnnjax import elman
from rnnjax.cells.continuous import ctrnn, leaky
from tests.cells.paper import (
    H,
    check_integrates,
    draw,
    equals_paper,
    initial,
    pre_activation,
)


@equals_paper(leaky, {"leak": 0.3})
def test_leaky_equals_paper(params, h, x, leak):
    """Jaeger et al. 2007: h = (1 - a) h + a f(U x + W h + b)."""
    return (1 - leak) * h + leak * np.tanh(pre_activation(params, x, h))


def slope(params, h, x):
    """A unit moves by dt / tau of what it lacks."""
    lacking = np.tanh(pre_activation(params, x, h)) - h
    return lacking / np.exp(params["log_time_constant"])


@equals_paper(ctrnn, {"dt": 0.4})
def test_ctrnn_equals_paper(params, h, x, dt):
    return h + dt * slope(params, h, x)


def test_ctrnn_equals_fine_integration(x64):
    tau = np.random.default_rng(1).uniform(0.5, 2.0, size=H)
    params = draw(elman(H), scale=1.0)[0] | {"log_time_constant": np.log(tau)}
    check_integrates(
        lambda dt: ctrnn(H, dt=dt), params, lambda h, x: slope(params, h, x)
    )


def test_time_constants_start_in_their_range():
    cell = ctrnn(200, dt=0.5, time_constants=(0.5, 50.0))
    tau = np.exp(initial(cell)["log_time_constant"])
    assert 0.5 <= tau.min() < 0.6 and 40 < tau.max() <= 50.0
    assert 3 < np.median(tau) < 8  # even in the logarithm: about 5

"""The coupled oscillatory network against its paper, and free oscillators."""

import jax
import numpy as np

from rnnjax.cells.cornn import CoRNNCarry, cornn
from rnnjax.unroll import unroll
from tests.cells.paper import D, H, draw, equals_paper
from tests.pytrees import assert_close


@equals_paper(cornn, {"dt": 0.3, "gamma": 1.1, "damping": 0.6})
def test_equals_paper(params, y, z, u, dt, gamma, damping):
    """Rusch and Mishra 2021, equation 3, one oscillator at a time."""
    new_y, new_z = np.empty_like(y), np.empty_like(z)
    for j in range(H):
        pre = y @ params["recurrent_kernel"][:, j]
        pre = pre + z @ params["velocity_kernel"][:, j]
        pre = pre + u @ params["kernel"][:, j] + params["bias"][j]
        spring, friction = gamma * y[:, j], damping * z[:, j]
        new_z[:, j] = z[:, j] + dt * (np.tanh(pre) - spring - friction)
        new_y[:, j] = y[:, j] + dt * new_z[:, j]
    return new_y, new_z


def test_undamped_oscillators_keep_their_energy(x64):
    """Exactly so the energy that the discrete steps keep, z² + γ y² - Δt γ y z."""
    dt, gamma = 0.3, 1.7
    cell = cornn(H, dt=dt, gamma=gamma, damping=0.0)
    params = jax.tree.map(np.zeros_like, draw(cell)[0])
    carry = CoRNNCarry(*np.random.default_rng(0).normal(size=(2, H)))
    last, _ = unroll(cell, params, np.zeros((500, D)), carry=carry)
    want, got = (z**2 + gamma * y**2 - dt * gamma * y * z for y, z in (carry, last))
    assert_close(got, want, 1e-12)

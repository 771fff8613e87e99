"""The coupled oscillatory network against its paper, and free oscillators."""

import numpy as np

from rnnjax.cells.cornn import CoRNNCarry, cornn
from rnnjax.unroll import unroll
from tests.cells.paper import H, equals_paper
from tests.pytrees import assert_close

OPTIONS = {"dt": 0.3, "gamma": 1.1, "damping": 0.6}


@equals_paper(cornn, OPTIONS, OPTIONS | {"use_bias": False})
def test_equals_paper(params, y, z, u, dt, gamma, damping):
    """Rusch and Mishra 2021, equation 3, one oscillator at a time."""
    new_y, new_z = np.empty_like(y), np.empty_like(z)
    for j in range(H):
        pre = y @ params["recurrent_kernel"][:, j]
        pre = pre + z @ params["velocity_kernel"][:, j]
        pre = pre + u @ params["kernel"][:, j] + params.get("bias", np.zeros(H))[j]
        spring, friction = gamma * y[:, j], damping * z[:, j]
        new_z[:, j] = z[:, j] + dt * (np.tanh(pre) - spring - friction)
        new_y[:, j] = y[:, j] + dt * new_z[:, j]
    return new_y, new_z


def run_free(dt, gamma, num_steps):
    """Lets oscillators go that nothing couples, drives or damps."""
    names = "kernel", "recurrent_kernel", "velocity_kernel"
    params = {name: np.zeros((H, H)) for name in names}
    carry = CoRNNCarry(*np.random.default_rng(0).normal(size=(2, H)))
    cell = cornn(H, dt=dt, gamma=gamma, damping=0.0, use_bias=False)
    last, outputs = unroll(cell, params, np.zeros((num_steps, H)), carry=carry)
    return carry, last, outputs


def test_free_oscillators_swing_at_their_frequency(x64):
    """Undamped, y(t) = y cos(w t) + z sin(w t) / w with w the root of gamma."""
    dt, num_steps = 1e-3, 2000
    carry, _, outputs = run_free(dt, 4.0, num_steps)
    angle = 2.0 * dt * np.arange(1, num_steps + 1)[:, None]
    want = carry.y * np.cos(angle) + carry.z * np.sin(angle) / 2.0
    assert_close(outputs, want, 3e-3)  # the steps are of first order


def test_undamped_oscillators_keep_their_energy(x64):
    """Exactly so the energy that the discrete steps keep, z² + γ y² - Δt γ y z."""
    dt, gamma = 0.3, 1.7
    first, last = (
        z**2 + gamma * y**2 - dt * gamma * y * z
        for y, z in run_free(dt, gamma, 500)[:2]
    )
    assert_close(last, first, 1e-12)

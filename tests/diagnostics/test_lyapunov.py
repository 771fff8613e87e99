"""Lyapunov exponents where they are known."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import Cell, elman, gru
from rnnjax.diagnostics.gradients import carry_gradients
from rnnjax.diagnostics.jacobians import step_jacobians
from rnnjax.diagnostics.lyapunov import kaplan_yorke_dimension, lyapunov_spectrum
from tests.cells.paper import D, H, draw


def iterating(function, start):
    """Makes a cell that iterates a map and ignores its inputs."""

    def step(params, carry, inputs):
        del params, inputs
        carry = function(carry)
        return carry, carry

    return Cell(lambda key, size: {}, lambda params, batch_shape=(): start, step)


def spectrum_of_map(function, start, num_steps, num_discarded=100):
    cell = iterating(function, jnp.asarray(start))
    run = functools.partial(lyapunov_spectrum, cell, {}, num_discarded=num_discarded)
    return jax.jit(run)(np.zeros((num_steps, 0)))


def elman_of(matrix, activation="identity"):
    """Makes an Elman network with a recurrent matrix that ignores its inputs."""
    kernel = np.zeros_like(matrix[:1])
    params = {"kernel": kernel, "recurrent_kernel": matrix}
    return elman(len(matrix), activation=activation, use_bias=False), params


def test_general_linear_is_its_eigenvalues(x64):
    """The matrix is not normal; its moduli differ, so that QR separates them."""
    rng = np.random.default_rng(1)
    moduli = np.array([1.5, 1.1, 0.8, 0.5, 0.2])
    basis = rng.normal(size=(H, H)) + 2 * np.eye(H)
    cell, params = elman_of(basis @ np.diag(moduli) @ np.linalg.inv(basis))
    arguments = cell, params, np.zeros((2000, 1))
    got = lyapunov_spectrum(*arguments, num_discarded=200)
    np.testing.assert_allclose(got, np.log(moduli), atol=1e-4)
    few = lyapunov_spectrum(*arguments, num_discarded=200, num_exponents=2)
    np.testing.assert_allclose(few, got[:2], atol=1e-10)
    cell, params = elman_of(1.3 * np.linalg.qr(basis)[0])  # all exponents are equal
    got = lyapunov_spectrum(cell, params, np.zeros((50, 1)))
    np.testing.assert_allclose(got, np.log(1.3), atol=1e-12)


def test_henon(x64):
    """The exponents are 0.4192 and -1.6229; their sum is exactly log 0.3."""
    got = spectrum_of_map(
        lambda x: jnp.stack([1 - 1.4 * x[0] ** 2 + x[1], 0.3 * x[0]]), [0.1, 0.1], 60000
    )
    np.testing.assert_allclose(got, [0.4192, -1.6229], rtol=0.01)
    np.testing.assert_allclose(got.sum(), np.log(0.3), atol=1e-12)
    np.testing.assert_allclose(kaplan_yorke_dimension(got), 1.258, rtol=0.01)


def test_lorenz(x64):
    """They are 0.906, 0 and -14.572 per unit of time; their sum is -13.667."""
    dt = 0.01

    def flow(v):
        x, y, z = v
        return jnp.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z])

    def runge_kutta(x):
        k1 = flow(x)
        k2 = flow(x + dt / 2 * k1)
        k3 = flow(x + dt / 2 * k2)
        return x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + flow(x + dt * k3))

    got = np.asarray(spectrum_of_map(runge_kutta, [1.0, 1.0, 25.0], 100_000, 1000)) / dt
    np.testing.assert_allclose(got[[0, 2]], [0.906, -14.572], rtol=0.01)
    assert abs(got[1]) < 0.01
    np.testing.assert_allclose(got.sum(), -13.667, rtol=1e-3)


def test_sum_is_the_mean_log_determinant(x64):
    """This holds for any cell and any inputs."""
    cell = gru(H)
    params, _ = draw(cell, seed=2, scale=1.0)
    inputs = np.random.default_rng(3).normal(size=(40, D))
    got = lyapunov_spectrum(cell, params, inputs)
    _, logs = np.linalg.slogdet(step_jacobians(cell, params, inputs))
    np.testing.assert_allclose(got.sum(), logs.mean(), rtol=1e-10)


@pytest.mark.parametrize(("gain", "sign"), [(0.7, -1), (2.0, 1)])
def test_chaos_begins_past_a_gain_of_one(x64, gain, sign):
    """For h = tanh(W h), W of variance gain² / N: log gain below one, chaos above."""
    rng = np.random.default_rng(3)
    matrix = gain * rng.normal(size=(100, 100)) / np.sqrt(100)
    cell, params = elman_of(matrix, "tanh")
    start, inputs = rng.normal(size=100), np.zeros((600, 1))
    (largest,) = lyapunov_spectrum(
        cell, params, inputs, carry=start, num_exponents=1, num_discarded=200
    )
    assert np.sign(largest) == sign
    if gain < 1:
        assert abs(largest - np.log(abs(np.linalg.eigvals(matrix)).max())) < 0.02


@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_gradients_fade_at_the_rate_of_the_largest_exponent(x64, activation):
    """The rates agree within 5 %."""
    rng = np.random.default_rng(4)
    size, num_steps = 20, 400
    matrix = rng.normal(size=(size, size)) / np.sqrt(size)
    cell, params = elman_of(0.8 * matrix, activation)
    params["kernel"] = rng.normal(size=(3, size))
    inputs = 0.3 * rng.normal(size=(num_steps, 3))
    (largest,) = lyapunov_spectrum(
        cell, params, inputs, num_exponents=1, num_discarded=50
    )
    (grads,) = carry_gradients(cell, params, inputs, lambda outputs: outputs[-1].sum())
    logs = np.log(np.linalg.norm(grads, axis=-1))
    rate = (logs[num_steps - 50] - logs[50]) / (num_steps - 100)
    assert largest < 0
    np.testing.assert_allclose(-rate, largest, rtol=0.05)


def test_kaplan_yorke_at_its_ends():
    def dimension(*exponents):
        return float(kaplan_yorke_dimension(jnp.array(exponents)))

    assert dimension(-0.1, -2.0) == 0
    assert dimension(0.3, 0.1) == 2
    np.testing.assert_allclose(dimension(0.906, 0.0, -14.572), 2.0622, rtol=1e-4)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 1), {"num_exponents": 6}, "must be from 1 to 5, .* got 6."),
        ((4, 1), {"num_discarded": 4}, "num_discarded must be .* 4, .* got 4."),
        ((4, 3, 1), {}, r"inputs must have no batch axes, got \(3,\)"),
    ],
)
def test_bad_arguments(shape, options, message):
    cell, params = elman_of(np.eye(H, dtype=np.float32))
    with pytest.raises(ValueError, match=message):
        lyapunov_spectrum(cell, params, np.zeros(shape, np.float32), **options)

"""Diagonal state spaces against their paper, their convolution and SciPy."""

import jax
import numpy as np
import pytest
import scipy.linalg

from rnnjax.cells.parts.poles import s4d_inv, s4d_lin, s4d_real
from rnnjax.cells.s4d import bilinear, s4d, zero_order_hold
from rnnjax.unroll import unroll
from tests.cells.paper import T, check_against_paper, draw_initial, with_outputs
from tests.pytrees import assert_close

N = 4


@pytest.mark.parametrize("discretization", [zero_order_hold, bilinear])
def test_s4d_equals_paper(x64, discretization):
    @with_outputs
    def from_paper(params, h_real, h_imag, x):
        a = -np.exp(params["log_decay"]) + 1j * params["frequency"]
        dt = np.exp(params["log_dt"])[:, None]
        if discretization is zero_order_hold:
            decay, scale = np.exp(a * dt), (np.exp(a * dt) - 1) / a
        else:
            decay, scale = (1 + a * dt / 2) / (1 - a * dt / 2), dt / (1 - a * dt / 2)
        C = params["output_real"] + 1j * params["output_imag"]
        h = decay * (h_real + 1j * h_imag) + scale * x[..., None]
        return (h.real, h.imag), 2 * (C * h).real.sum(-1) + params["skip"] * x

    check_against_paper(s4d(N, discretization=discretization), from_paper)


def test_zero_order_hold_solves_the_equation(x64):
    """Against the matrix exponential of the system with its input held."""
    a, dt = np.array(-0.7 + 2.1j), np.array(0.3)
    solved = scipy.linalg.expm(np.array([[a, 1], [0, 0]]) * dt)
    got = zero_order_hold(a, dt)
    np.testing.assert_allclose(got, solved[0], rtol=1e-12)


def test_zero_order_hold_of_a_short_step_is_exact_in_float32():
    for a in (-0.5, -0.5 + 3.1j):
        want = np.expm1(np.complex128(a) * 1e-4) / a
        got = zero_order_hold(np.complex64(a), np.float32(1e-4))[1]
        np.testing.assert_allclose(got, want, rtol=5e-7)


@pytest.mark.parametrize("discretization", [zero_order_hold, bilinear])
def test_s4d_is_its_convolution(x64, discretization):
    """With the kernel 2 Re Σ C Āᵏ B̄, made of all powers at once."""
    cell = s4d(N, discretization=discretization, poles_init=s4d_inv)
    params, inputs = draw_initial(cell)
    a = -np.exp(params["log_decay"]) + 1j * params["frequency"]
    a_bar, b_bar = discretization(a, np.exp(params["log_dt"])[:, None])
    C = params["output_real"] + 1j * params["output_imag"]
    powers = np.asarray(a_bar) ** np.arange(T)[:, None, None]
    kernel = 2 * np.sum(C * b_bar * powers, axis=-1).real
    want = params["skip"] * inputs
    for t in range(T):
        for k in range(t + 1):
            want[t] += kernel[k] * inputs[t - k]
    assert_close(unroll(cell, params, inputs)[1], want, 1e-12)


def test_bilinear_is_near_for_small_steps(x64):
    """To the third power of the step."""
    a = np.array(-0.7 + 2.1j)
    for dt in (1e-2, 1e-3):
        exact, near = (f(a, np.array(dt)) for f in (zero_order_hold, bilinear))
        assert 0.01 * dt**3 < abs(exact[0] - near[0]) < 10 * dt**3


@pytest.mark.parametrize("poles_init", [s4d_lin, s4d_inv, s4d_real])
def test_s4d_starts_at_its_poles(poles_init):
    params = s4d(N, poles_init=poles_init).init(jax.random.key(0), 500)
    got = -np.exp(params["log_decay"]) + 1j * params["frequency"]
    want = np.broadcast_to(poles_init(N), (500, N))
    np.testing.assert_allclose(got, want, rtol=1e-5)
    dt = np.exp(params["log_dt"])
    assert 1e-3 <= dt.min() < 1.5e-3 and 0.08 < dt.max() <= 0.1


def test_bad_steps_are_named():
    message = "min_dt and max_dt must be .* got 0.0 and 0.1."
    with pytest.raises(ValueError, match=message):
        s4d(N, min_dt=0.0)

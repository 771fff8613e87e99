"""Diagonal state spaces against their paper and SciPy."""

import numpy as np
import pytest
import scipy.linalg

from rnnjax.cells.parts.poles import s4d_inv, s4d_lin, s4d_real
from rnnjax.cells.s4d import bilinear, s4d, zero_order_hold
from tests.cells.paper import equals_paper, initial

N = 4


@equals_paper(
    s4d,
    {"discretization": zero_order_hold},
    {"discretization": bilinear},
    hidden_size=N,
)
def test_equals_paper(params, h_real, h_imag, x, discretization):
    a = -np.exp(params["log_decay"]) + 1j * params["frequency"]
    dt = np.exp(params["log_dt"])[:, None]
    if discretization is zero_order_hold:
        decay, scale = np.exp(a * dt), (np.exp(a * dt) - 1) / a
    else:
        decay, scale = (1 + a * dt / 2) / (1 - a * dt / 2), dt / (1 - a * dt / 2)
    C = params["output_real"] + 1j * params["output_imag"]
    h = decay * (h_real + 1j * h_imag) + scale * x[..., None]
    return (h.real, h.imag), 2 * (C * h).real.sum(-1) + params["skip"] * x


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


@pytest.mark.parametrize("poles_init", [s4d_lin, s4d_inv, s4d_real])
def test_starts_at_its_poles(poles_init):
    params = initial(s4d(N, poles_init=poles_init), 500)
    got = -np.exp(params["log_decay"]) + 1j * params["frequency"]
    want = np.broadcast_to(poles_init(N), (500, N))
    np.testing.assert_allclose(got, want, rtol=1e-5)
    dt = np.exp(params["log_dt"])
    assert 1e-3 <= dt.min() < 1.5e-3 and 0.08 < dt.max() <= 0.1

"""Linear systems against their equations and closed forms."""

import jax
import numpy as np
import pytest
import scipy.linalg

from rnnjax.cells.linear import linear_system, shift_register
from rnnjax.cells.lru import lru
from rnnjax.cells.parts.poles import s4d_inv, s4d_lin, s4d_real
from rnnjax.cells.rg_lru import rg_lru
from rnnjax.cells.s4d import bilinear, s4d, zero_order_hold
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper, sigmoid
from tests.trees import assert_close

N, OUT = 4, 3


def draw(cell, input_size=D, seed=0):
    rng = np.random.default_rng(seed)
    params = cell.init(jax.random.key(seed), input_size)
    return jax.tree.map(np.float64, params), rng.normal(size=(T, B, input_size))


@pytest.mark.parametrize("use_skip", [True, False])
def test_linear_system_equals_paper(x64, use_skip):
    def from_paper(params, carry, inputs):
        (h,), outputs = carry, []
        for x in inputs:
            h = x @ params["kernel"] + h @ params["recurrent_kernel"]
            o = h @ params["output_kernel"]
            outputs.append(o + x @ params["skip_kernel"] if use_skip else o)
        return (h,), np.stack(outputs)

    check_against_paper(linear_system(H, OUT, use_skip=use_skip), from_paper)


def test_linear_system_adds_up(x64):
    """With A, B and C the identity."""
    params = dict.fromkeys(("kernel", "recurrent_kernel", "output_kernel"), np.eye(D))
    inputs = np.random.default_rng(0).normal(size=(T, B, D))
    _, outputs = unroll(linear_system(D, D), params, inputs)
    assert_close(outputs, inputs.cumsum(0), 1e-13)


def test_shift_register_holds_its_last_inputs(x64):
    n = 4
    inputs = np.random.default_rng(1).normal(size=(T, B, D))
    params = shift_register(D, n, np.float64)
    carry, outputs = unroll(linear_system(n * D, D), params, inputs)
    assert_close(outputs[n - 1 :], inputs[: T - n + 1], 0)
    assert not np.any(outputs[: n - 1])
    assert_close(carry, np.concatenate(inputs[::-1][:n], axis=-1), 0)
    shift = np.asarray(params["recurrent_kernel"])
    assert np.linalg.matrix_power(shift, n - 1).any()
    assert not np.linalg.matrix_power(shift, n).any()


def test_lru_equals_paper(x64):
    """Orvieto et al. 2023, in complex numbers."""

    def from_paper(params, carry, inputs):
        B_ = np.split(params["kernel"], 2, -1)
        C = np.split(params["output_kernel"], 2, 0)
        decay = -np.exp(params["log_decay"]) + 1j * np.exp(params["log_phase"])
        h, outputs = carry[0] + 1j * carry[1], []
        for x in inputs:
            driven = np.exp(params["log_scale"]) * (x @ (B_[0] + 1j * B_[1]))
            h = np.exp(decay) * h + driven
            outputs.append((h @ (C[0] + 1j * C[1])).real + params["skip"] * x)
        return (h.real, h.imag), np.stack(outputs)

    check_against_paper(lru(H), from_paper)


def test_lru_is_a_convolution_with_powers(x64):
    cell = lru(H)
    params, inputs = draw(cell)
    decay = np.exp(-np.exp(params["log_decay"]) + 1j * np.exp(params["log_phase"]))
    B_ = np.split(params["kernel"], 2, -1)
    C = np.split(params["output_kernel"], 2, 0)
    driven = np.exp(params["log_scale"]) * (inputs @ (B_[0] + 1j * B_[1]))
    powers = decay ** np.arange(T)[:, None]
    want = [
        np.einsum("kn,kbn->bn", powers[: t + 1][::-1], driven[: t + 1])
        for t in range(T)
    ]
    want = (np.stack(want) @ (C[0] + 1j * C[1])).real + params["skip"] * inputs
    assert_close(unroll(cell, params, inputs)[1], want, 1e-12)


def test_lru_starts_on_its_ring():
    cell = lru(2000, min_radius=0.4, max_radius=0.9, max_phase=0.3)
    params = cell.init(jax.random.key(0), D)
    radius = np.exp(-np.exp(params["log_decay"]))
    assert 0.4 < radius.min() < 0.45 and 0.88 < radius.max() < 0.9
    # uniform on the ring: by area
    assert abs((radius**2).mean() - (0.4**2 + 0.9**2) / 2) < 0.02
    assert 0.28 < np.exp(params["log_phase"]).max() < 0.3
    scale = np.exp(params["log_scale"])
    np.testing.assert_allclose(scale, np.sqrt(1 - radius**2), rtol=1e-4)


def test_rg_lru_equals_paper(x64):
    """De et al. 2024, equations 1 to 4."""

    def from_paper(params, carry, inputs):
        (h,), outputs = carry, []
        W = np.split(params["kernel"], 2, -1)
        b = np.split(params["bias"], 2, -1)
        for x in inputs:
            r, i = (sigmoid(x @ W[k] + b[k]) for k in range(2))
            a = np.exp(-8 * np.log1p(np.exp(params["decay"])) * r)
            h = a * h + np.sqrt(1 - a**2) * (i * x)
            outputs.append(h)
        return (h,), np.stack(outputs)

    check_against_paper(rg_lru(D), from_paper)


def test_rg_lru_with_blocks_equals_full_matrices(x64):
    """Whose other entries are zeros."""
    size, n = 6, 3
    params, inputs = draw(rg_lru(size, num_blocks=n), size)
    assert params["kernel"].shape == (size // n, 2 * size)
    blocks = np.split(params["kernel"], 2 * n, axis=-1)
    gates = [scipy.linalg.block_diag(*part) for part in (blocks[:n], blocks[n:])]
    full = params | {"kernel": np.concatenate(gates, axis=-1)}
    got = unroll(rg_lru(size, num_blocks=n), params, inputs)
    assert_close(got, unroll(rg_lru(size), full, inputs), 1e-13)


@pytest.mark.parametrize(("name", "value"), [("bias", -200.0), ("decay", -120.0)])
def test_rg_lru_that_never_forgets_has_a_gradient(name, value):
    """Where a is 1 in float32, the root of 1 - a² has no derivative of its own."""
    cell = rg_lru(D)
    params = cell.init(jax.random.key(0), D)
    params[name] = np.full(params[name].shape, value, np.float32)

    def total(params):
        return unroll(cell, params, np.ones((T, D), np.float32))[1].sum()

    value, grads = jax.value_and_grad(total)(params)
    assert value == 0
    for grad in jax.tree.leaves(grads):
        assert not np.any(grad)


def test_rg_lru_with_gates_open_smooths(x64):
    """Exponential smoothing by a, of what is drawn at first."""
    cell = rg_lru(D)
    params, inputs = draw(cell)
    params["kernel"] = np.zeros((D, 2 * D))
    params["bias"] = np.full(2 * D, 100.0)
    a = np.exp(-8 * np.log1p(np.exp(params["decay"])))
    assert ((a > 0.9) & (a < 0.999)).all()
    back = np.arange(T)[:, None] - np.arange(T)
    weights = np.where(back >= 0, a[:, None, None] ** back, 0)
    want = np.einsum("dts,sbd->tbd", weights, np.sqrt(1 - a**2) * inputs)
    assert_close(unroll(cell, params, inputs)[1], want, 1e-11)


@pytest.mark.parametrize("discretization", [zero_order_hold, bilinear])
def test_s4d_equals_paper(x64, discretization):
    def from_paper(params, carry, inputs):
        a = -np.exp(params["log_decay"]) + 1j * params["frequency"]
        dt = np.exp(params["log_dt"])[:, None]
        if discretization is zero_order_hold:
            decay, scale = np.exp(a * dt), (np.exp(a * dt) - 1) / a
        else:
            decay, scale = (1 + a * dt / 2) / (1 - a * dt / 2), dt / (1 - a * dt / 2)
        C = params["output_real"] + 1j * params["output_imag"]
        h, outputs = carry[0] + 1j * carry[1], []
        for x in inputs:
            h = decay * h + scale * x[..., None]
            outputs.append(2 * (C * h).real.sum(-1) + params["skip"] * x)
        return (h.real, h.imag), np.stack(outputs)

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
    params, inputs = draw(cell)
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


def test_poles_of_the_paper():
    """Gu et al. 2022, section 4."""
    np.testing.assert_allclose(s4d_lin(3), -0.5 + 1j * np.pi * np.array([0, 1, 2]))
    np.testing.assert_allclose(s4d_real(3), [-1, -2, -3])
    inverse = np.array([30, 6, 1.2]) / np.pi  # N (N / (2 n + 1) - 1) for N = 6
    np.testing.assert_allclose(s4d_inv(3), -0.5 + 1j * inverse)


def test_s4d_inv_is_near_the_normal_part_of_hippo():
    """Of whose eigenvalues its poles are the asymptotic form."""
    v = np.sqrt(np.arange(64) + 0.5)
    normal = np.triu(np.outer(v, v), 1) - np.tril(np.outer(v, v), -1) - np.eye(64) / 2
    highest = np.sort_complex(1j * np.linalg.eigvals(normal))[:3]
    np.testing.assert_allclose(1j * s4d_inv(32)[:3], highest, rtol=0.08)
    assert abs(s4d_inv(32)[0] / (-1j * highest[0]) - 1) < 0.02


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lru(H, min_radius=0.9, max_radius=0.5), "got 0.9 and 0.5."),
        (lambda: lru(H, max_radius=1.2), "min_radius < max_radius <= 1, got 0.0"),
        (lambda: lru(H, max_phase=0.0), "max_phase must be positive .* got 0.0."),
        (lambda: lru(H, max_phase=180), "and at most 2π, got 180."),
        (lambda: rg_lru(H, num_blocks=2), "num_blocks must divide .* 5, got 2."),
        (lambda: rg_lru(D, max_decay=1.0), "max_decay must be 0 < .* got 0.9 and 1.0."),
        (lambda: rg_lru(D).init(None, H), "input_size must be the hidden_size, 2"),
        (lambda: s4d(N, min_dt=0.0), "min_dt and max_dt must be .* got 0.0 and 0.1."),
        (lambda: s4d(0), "state_size must be a positive whole number, got 0."),
        (lambda: shift_register(D, 0), "num_steps must be a positive whole number"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()

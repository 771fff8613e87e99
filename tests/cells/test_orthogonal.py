"""Orthogonal networks against their papers' matrices, before and after training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from rnnjax.cells.orthogonal import modrelu, orthogonal_rnn, orthogonal_rnn_step
from rnnjax.cells.parts.parametrizations import (
    cayley_transform,
    exponential_map,
    householder_product,
    orthogonal_matrix,
)
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper
from tests.loop import in_numpy
from tests.trees import assert_close, assert_same_bits


def skew_in_numpy(weights, size):
    """The weights above the diagonal, row by row, and their negatives below it."""
    A, weights = np.zeros((size, size)), iter(weights)
    for i in range(size):
        for j in range(i + 1, size):
            A[i, j] = next(weights)
            A[j, i] = -A[i, j]
    return A


def exponential_in_numpy(weights, size):
    """By the eigenvalues, all imaginary, of the skew-symmetric matrix."""
    angles, vectors = np.linalg.eigh(-1j * skew_in_numpy(weights, size))
    return ((vectors * np.exp(1j * angles)) @ vectors.conj().T).real


def cayley_in_numpy(weights, size):
    """Helfrich et al. 2018, equation 5, with two minus ones."""
    A, D = skew_in_numpy(weights, size), np.diag([-1.0, -1.0] + [1.0] * (size - 2))
    return np.linalg.inv(np.eye(size) + A) @ (np.eye(size) - A) @ D


def householder_in_numpy(weights, size):
    """Mhammedi et al. 2017: one reflection after the other."""
    W, first = np.eye(size), 0
    while len(weights):
        v = np.concatenate([np.zeros(first), weights[: size - first]])
        W = W @ (np.eye(size) - 2 * np.outer(v, v) / (v @ v))
        weights, first = weights[size - first :], first + 1
    return W


PARAMETRIZATIONS = {
    "exponential": (exponential_map(), exponential_in_numpy),
    "cayley": (cayley_transform(num_negative=2), cayley_in_numpy),
    "householder": (householder_product(3), householder_in_numpy),
    "all_reflections": (householder_product(H), householder_in_numpy),
}
by_name = pytest.mark.parametrize("name", PARAMETRIZATIONS)


def compiled(parametrization, size):
    return in_numpy(lambda weights: orthogonal_matrix(parametrization, weights, size))


def draw_weights(rng, parametrization, size, scale=1.0):
    like = jax.eval_shape(
        lambda key: parametrization.init(key, size, jnp.float32), jax.random.key(0)
    )
    return scale * rng.normal(size=like.shape)


@by_name
def test_matrix_equals_numpy(x64, name):
    parametrization, in_paper = PARAMETRIZATIONS[name]
    weights = draw_weights(np.random.default_rng(0), parametrization, H)
    assert_close(compiled(parametrization, H)(weights), in_paper(weights, H), 1e-13)


@by_name
def test_start_equals_numpy_and_turns_by_the_angle(x64, name):
    """What `init` draws is where it says; the angles are those of the planes."""
    parametrization, in_paper = PARAMETRIZATIONS[name]
    weights = in_numpy(lambda key: parametrization.init(key, 2 * H, jnp.float64))(
        jax.random.key(0)
    )
    W = compiled(parametrization, 2 * H)(weights)
    assert_close(W, in_paper(weights, 2 * H), 1e-12)
    if name == "exponential":
        angles = np.arctan2(W[0::2, 1::2], W[0::2, 0::2]).diagonal()
        assert np.pi / 2 < np.abs(angles).max() < np.pi
    if name == "cayley":
        angles = np.arctan2(W[1::2, 0::2], W[0::2, 0::2]).diagonal()[1:]
        assert 0 < angles.min() and angles.max() < np.pi / 2


@pytest.mark.parametrize("activation", [None, "tanh"])
@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, activation, use_bias):
    """By the exponential map: h = modReLU(U x + W h), with b its own or added."""

    def from_paper(params, carry, inputs):
        W = exponential_in_numpy(params["recurrent_weights"], H)
        b = params["bias"] if use_bias else np.zeros(H)
        (h,), outputs = carry, []
        for x in inputs:
            z = x @ params["kernel"] + h @ W.T
            if activation is None:
                h = np.sign(z) * np.maximum(np.abs(z) + b, 0)
            else:
                h = np.tanh(z + b)
            outputs.append(h)
        return (h,), np.stack(outputs)

    cell = orthogonal_rnn(H, activation=activation, use_bias=use_bias)
    check_against_paper(cell, from_paper)


@by_name
def test_equals_linear_recurrence(x64, name):
    """Without bias modReLU is the identity, and h = U x + W h."""
    parametrization, in_paper = PARAMETRIZATIONS[name]

    def from_paper(params, carry, inputs):
        W = in_paper(params["recurrent_weights"], H)
        (h,), outputs = carry, []
        for x in inputs:
            h = x @ params["kernel"] + h @ W.T
            outputs.append(h)
        return (h,), np.stack(outputs)

    cell = orthogonal_rnn(H, parametrization=parametrization, use_bias=False)
    check_against_paper(cell, from_paper)


@pytest.mark.parametrize("make", [exponential_map, cayley_transform])
def test_zero_weights_are_the_identity(x64, make):
    W = compiled(make(), H)(np.zeros(H * (H - 1) // 2))
    np.testing.assert_array_equal(W, np.eye(H))


def test_derivative_of_exponential_at_equal_eigenvalues(x64):
    """At A = 0 all coincide, and d exp(A) = dA; SciPy gives it elsewhere."""
    rng = np.random.default_rng(0)
    weights, moved = np.zeros(10), rng.normal(size=10)
    weights[[0, 7]] = 0.7  # two planes turned by one angle
    derivative = in_numpy(
        lambda at: jax.jvp(
            lambda w: orthogonal_matrix(exponential_map(), w, 5), (at,), (moved,)
        )[1]
    )
    for at in (np.zeros(10), weights):
        got = derivative(at)
        A, dA = skew_in_numpy(at, 5), skew_in_numpy(moved, 5)
        assert_close(got, linalg.expm_frechet(A, dA)[1], 1e-13)


@by_name
def test_norm_is_kept(x64, name):
    rng = np.random.default_rng(1)
    parametrization, _ = PARAMETRIZATIONS[name]
    cell = orthogonal_rnn(
        H, parametrization=parametrization, activation="identity", use_bias=False
    )
    params = {
        "kernel": rng.normal(size=(D, H)),
        "recurrent_weights": draw_weights(rng, parametrization, H),
    }
    carry = rng.normal(size=(B, H))
    _, outputs = unroll(cell, params, np.zeros((T, B, D)), carry=carry)
    norms = np.linalg.norm(outputs, axis=-1)
    assert_close(norms, np.broadcast_to(np.linalg.norm(carry, axis=-1), (T, B)), 1e-14)
    assert not np.allclose(outputs[-1], carry, atol=0.1)


def distance(W):
    """The largest entry of WᵀW - I, computed in float64."""
    W = np.float64(W)
    return np.abs(W.T @ W - np.eye(len(W))).max()


def train(parametrization, size, num_updates, learning_rate, descent):
    """Trains in float32 on random targets; returns the distance after each update."""
    rng = np.random.default_rng(2)
    cell = orthogonal_rnn(size, parametrization=parametrization)
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    targets = rng.normal(size=(T, B, size)).astype(np.float32)

    def loss(params):
        return ((unroll(cell, params, inputs)[1] - targets) ** 2).mean()

    def update(state, _):
        params, means, squares, count = state
        count += 1
        grads = jax.grad(loss)(params)
        means = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, means, grads)
        squares = jax.tree.map(lambda s, g: 0.99 * s + 0.01 * g * g, squares, grads)

        def move(x, grad, mean, square):
            if descent:
                return x - learning_rate * grad
            root = jnp.sqrt(square / (1 - 0.99**count)) + 1e-8
            return x - learning_rate * mean / (1 - 0.9**count) / root

        params = jax.tree.map(move, params, grads, means, squares)
        W = cell.prepare(params)["recurrent_kernel"]
        return (params, means, squares, count), (W, params["recurrent_weights"])

    @in_numpy
    def run(key):
        params = cell.init(key, D)
        zeros = jax.tree.map(jnp.zeros_like, params)
        start = params, zeros, zeros, jnp.float32(0)
        return jax.lax.scan(update, start, None, length=num_updates)[1]

    matrices, weights = run(jax.random.key(0))
    assert np.isfinite(matrices).all()
    moved = np.abs(weights[-1] - weights[0]).max()
    return max(distance(W) for W in matrices), moved


@pytest.mark.parametrize("descent", [False, pytest.param(True, marks=pytest.mark.slow)])
@by_name
def test_stays_orthogonal_in_training(name, descent):
    """A thousand updates by Adam of 0.3, or by plain descent of 30, in float32."""
    parametrization, _ = PARAMETRIZATIONS[name]
    if name == "all_reflections":
        parametrization = householder_product(24)
    rate = 30.0 if descent else 0.3
    furthest, moved = train(parametrization, 24, 1000, rate, descent)
    assert furthest < 1e-5
    assert moved > 1


@by_name
@pytest.mark.parametrize("scale", [0.01, 1.0, 1000.0])
def test_stays_orthogonal_for_weights_of_any_size(name, scale):
    """Where the factors as they stand lose up to four digits of float32's seven."""
    parametrization, _ = PARAMETRIZATIONS[name]
    if name == "all_reflections":
        parametrization = householder_product(64)
    weights = draw_weights(np.random.default_rng(3), parametrization, 64, scale)
    W = compiled(parametrization, 64)(weights.astype(np.float32))
    assert distance(W) < 1e-6


def test_bfloat16_is_rounded_once():
    """The matrix is made in float32, so it is as orthogonal as its digits allow."""
    weights = draw_weights(np.random.default_rng(4), exponential_map(), 24)
    weights = jnp.asarray(weights, jnp.bfloat16)
    W = orthogonal_matrix(exponential_map(), weights, 24)
    wide = orthogonal_matrix(exponential_map(), weights.astype(jnp.float32), 24)
    assert_same_bits(W, wide.astype(jnp.bfloat16))
    assert distance(W) < 0.02


def test_modrelu_moves_away_from_zero_or_stops_there():
    x = jnp.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    np.testing.assert_array_equal(modrelu(x, -1.0), [-1, 0, 0, 0, 1])
    np.testing.assert_array_equal(modrelu(x, 1.0), [-3, -1.5, 0, 1.5, 3])
    slope = jax.vmap(jax.grad(modrelu), (0, None))
    np.testing.assert_array_equal(slope(x, 0.0), np.ones(5))
    np.testing.assert_array_equal(slope(x, -1.0), [1, 0, 0, 0, 1])


@pytest.mark.parametrize("activation", [None, "tanh"])
def test_step_is_the_public_step(activation):
    rng = np.random.default_rng(5)
    cell = orthogonal_rnn(H, activation=activation)
    params = in_numpy(lambda key: cell.prepare(cell.init(key, D)))(jax.random.key(0))
    carry, inputs = (np.float32(rng.normal(size=(B, size))) for size in (H, D))
    want = cell.step(params, carry, inputs)
    got = orthogonal_rnn_step(params, carry, inputs, activation=activation)
    assert_same_bits(got, want)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: orthogonal_rnn(0), "hidden_size must be a positive whole number"),
        (lambda: orthogonal_rnn(4, activation="modrel"), "activation must be a func"),
        (lambda: exponential_map(4.0), "max_angle must be above 0 and at most π, got"),
        (lambda: cayley_transform(max_angle=0.0), "max_angle must be above 0"),
        (lambda: cayley_transform(-1), "num_negative must not be negative, got -1."),
        (lambda: householder_product(0), "num_reflections must be a positive whole"),
        (
            lambda: householder_product(5).init(jax.random.key(0), 4, jnp.float32),
            "num_reflections must be at most 4, got 5.",
        ),
        (
            lambda: cayley_transform(5).init(jax.random.key(0), 4, jnp.float32),
            "num_negative must be at most 4, got 5.",
        ),
    ],
)
def test_bad_options_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_options_change_what_they_say():
    assert exponential_map() is exponential_map(max_angle=np.pi)
    assert orthogonal_rnn(H) is orthogonal_rnn(hidden_size=H)
    shapes = jax.eval_shape(
        lambda key: orthogonal_rnn(H, use_bias=False, dtype=jnp.bfloat16).init(key, D),
        jax.random.key(0),
    )
    assert {name: x.shape for name, x in shapes.items()} == {
        "kernel": (D, H),
        "recurrent_weights": (H * (H - 1) // 2,),
    }
    assert {x.dtype for x in shapes.values()} == {np.dtype(jnp.bfloat16)}

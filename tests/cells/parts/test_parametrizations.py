"""Parametrizations of orthogonal matrices against NumPy, and their rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

from rnnjax.cells.parts.parametrizations import (
    cayley_transform,
    exponential_map,
    householder_product,
    orthogonal_matrix,
)
from tests.cells.paper import H
from tests.cells.parts.orthogonal_matrices import (
    PARAMETRIZATIONS,
    by_name,
    distance,
    draw_weights,
    skew_in_numpy,
)
from tests.loop import in_numpy
from tests.pytrees import assert_close, assert_same_bits
from tests.refusals import refuses


def compiled(parametrization, size):
    return in_numpy(lambda weights: orthogonal_matrix(parametrization, weights, size))


@by_name
def test_start_equals_numpy_and_turns_by_the_angle(x64, name):
    """What `init` draws is where it says; the angles are those of the planes."""
    parametrization, in_paper = PARAMETRIZATIONS[name]
    init = in_numpy(lambda key: parametrization.init(key, 2 * H, jnp.float64))
    weights = init(jax.random.key(0))
    W = compiled(parametrization, 2 * H)(weights)
    assert_close(W, in_paper(weights, 2 * H), 1e-12)
    if name == "exponential":
        angles = np.arctan2(W[0::2, 1::2], W[0::2, 0::2]).diagonal()
        assert np.pi / 2 < np.abs(angles).max() < np.pi
    if name == "cayley":
        angles = np.arctan2(W[1::2, 0::2], W[0::2, 0::2]).diagonal()[1:]
        assert 0 < angles.min() and angles.max() < np.pi / 2


@pytest.mark.parametrize("make", [exponential_map, cayley_transform])
def test_zero_weights_are_the_identity(x64, make):
    W = compiled(make(), H)(np.zeros(H * (H - 1) // 2))
    np.testing.assert_array_equal(W, np.eye(H))


def test_derivative_of_exponential_at_equal_eigenvalues(x64):
    """At A = 0 all coincide, and d exp(A) = dA; SciPy gives it elsewhere."""
    rng = np.random.default_rng(0)
    weights, moved = np.zeros(10), rng.normal(size=10)
    weights[[0, 7]] = 0.7  # two planes turned by one angle

    def matrix(weights):
        return orthogonal_matrix(exponential_map(), weights, 5)

    derivative = in_numpy(lambda at: jax.jvp(matrix, (at,), (moved,))[1])
    for at in (np.zeros(10), weights):
        A, dA = skew_in_numpy(at, 5), skew_in_numpy(moved, 5)
        assert_close(derivative(at), linalg.expm_frechet(A, dA)[1], 1e-13)


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
    matrix = compiled(exponential_map(), 24)
    W, wide = matrix(weights), matrix(weights.astype(jnp.float32))
    assert_same_bits(W, wide.astype(jnp.bfloat16))
    assert distance(W) < 0.02


def test_makers_are_cached():
    assert exponential_map() is exponential_map(max_angle=np.pi)


AT_MOST = "must be at most 4, got 5."


def of_four(parametrization):
    return parametrization.init(jax.random.key(0), 4, jnp.float32)


test_bad_options_are_named = refuses(
    (exponential_map, 4.0, "max_angle must be above 0 and at most π, got"),
    (lambda: cayley_transform(max_angle=0.0), "max_angle must be above 0"),
    (cayley_transform, -1, "num_negative must not be negative, got -1."),
    (householder_product, 0, "num_reflections must be a positive whole"),
    (of_four, householder_product(5), f"num_reflections {AT_MOST}"),
    (of_four, cayley_transform(5), f"num_negative {AT_MOST}"),
)

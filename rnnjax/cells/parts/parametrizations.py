"""Orthogonal matrices as functions of unconstrained weights."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import expm, solve_triangular

from rnnjax.base import Array, cached, check_positive


class Parametrization(NamedTuple):
    """An orthogonal matrix as a function of unconstrained weights.

    Attributes:
      init: `(key, size, dtype) -> weights`, one array.
      matrix: `(weights, size) -> W`, `[size, size]`, orthogonal up to rounding for
        any weights. It acts on columns, as in the papers.
    """

    init: Callable[..., Array]
    matrix: Callable[..., Array]


def skew_symmetric(weights: Array, size: int) -> Array:
    """Returns A = M - Mᵀ, where M has the weights above its diagonal, row by row.

    Example:
      >>> skew_symmetric(jnp.array([1.0, 2.0, 3.0]), 3)
      Array([[ 0.,  1.,  2.],
             [-1.,  0.,  3.],
             [-2., -3.,  0.]], dtype=float32)
    """
    upper = _above_diagonal(weights, size, size, offset=1)
    return upper - upper.T


@cached
def exponential_map(max_angle: float = math.pi) -> Parametrization:
    """Makes W = exp(A) with a skew-symmetric A, which reaches every rotation.

    The exponential is computed by scaling, a Padé approximant and about log₂‖A‖
    squarings, each of which doubles the rounding error. It has a gradient everywhere,
    also where eigenvalues coincide.

    Args:
      max_angle: initially W rotates the planes of units 0 and 1, 2 and 3, ... by angles
        drawn uniformly from ±max_angle, in radians.

    Raises:
      ValueError: if `max_angle` is not positive and at most π.

    Example:
      >>> exponential_map().matrix(jnp.zeros(3), 3)
      Array([[1., 0., 0.],
             [0., 1., 0.],
             [0., 0., 1.]], dtype=float32)

    References:
      Lezcano-Casado and Martinez-Rubio, "Cheap Orthogonal Constraints in Neural
      Networks", ICML 2019. The initialization is that of Henaff, Szlam and LeCun,
      "Recurrent Orthogonal Networks and Long-Memory Tasks", ICML 2016.
    """
    _check_angle(max_angle)

    def init(key, size, dtype):
        count = size // 2
        angles = jax.random.uniform(key, (count,), minval=-max_angle, maxval=max_angle)
        return _rotating_planes(angles, size).astype(dtype)

    def matrix(weights, size):
        return expm(skew_symmetric(weights, size))

    return Parametrization(init, matrix)


@cached
def cayley_transform(
    num_negative: int = 0, max_angle: float = math.pi / 2
) -> Parametrization:
    """Makes W = (I + A)⁻¹ (I - A) D with a skew-symmetric A.

    Every orthogonal matrix has this form for some diagonal D of ones and minus ones,
    which is fixed. With D = I, matrices with an eigenvalue of -1 are excluded.

    Args:
      num_negative: number of minus ones, which come first on the diagonal of D.
      max_angle: initially (I + A)⁻¹ (I - A) rotates the planes of units 0 and 1, 2 and
        3, ... by angles drawn uniformly between 0 and max_angle, in radians.

    Raises:
      ValueError: if `num_negative` is negative, or `max_angle` is not positive and at
        most π; in `init`, if the matrix has fewer than `num_negative` columns.

    Example:
      >>> cayley_transform(num_negative=1).matrix(jnp.zeros(1), 2) + 0.0
      Array([[-1.,  0.],
             [ 0.,  1.]], dtype=float32)

    References:
      Helfrich, Willmott and Ye, "Orthogonal Recurrent Neural Networks with Scaled
      Cayley Transform", ICML 2018, equations 5 and 8; section 4.2 for the initial
      weights.
    """
    _check_angle(max_angle)
    if num_negative < 0:
        raise ValueError(f"num_negative must not be negative, got {num_negative}.")

    def init(key, size, dtype):
        if num_negative > size:
            raise ValueError(
                f"num_negative must be at most {size}, got {num_negative}."
            )
        angles = jax.random.uniform(key, (size // 2,), maxval=max_angle)
        return _rotating_planes(jnp.tan(angles / 2), size).astype(dtype)

    def matrix(weights, size):
        skew = skew_symmetric(weights, size)
        eye = jnp.eye(size, dtype=skew.dtype)
        signs = np.where(np.arange(size) < num_negative, -1, 1).astype(skew.dtype)
        return jnp.linalg.solve(eye + skew, eye - skew) * signs

    return Parametrization(init, matrix)


@cached
def householder_product(num_reflections: int) -> Parametrization:
    """Makes W = H₁ H₂ ... Hₘ with reflections Hᵢ = I - 2 vᵢ vᵢᵀ / ‖vᵢ‖².

    The first i - 1 entries of vᵢ are zero, so that each W has one representation; the
    others are the weights, vector by vector. W is undefined if some vᵢ is zero. Its
    determinant is always (-1)ᵐ.

    Args:
      num_reflections: m, from 1 to the size of the matrix.

    Raises:
      ValueError: if `num_reflections` is not positive; in `init`, if it is more than
        the size of the matrix.

    Example:
      >>> householder_product(1).matrix(jnp.array([2.0, 0.0]), 2)
      Array([[-1.,  0.],
             [ 0.,  1.]], dtype=float32)

    References:
      Mhammedi, Hellicar, Rahman and Bailey, "Efficient Orthogonal Parametrisation of
      Recurrent Neural Networks Using Householder Reflections", ICML 2017, equation 7.
      With m equal to the size, the last vector has one entry and always reflects,
      where the paper learns a sign. All reflections are multiplied at once, by
      I - Vᵀ S⁻¹ V:
      Joffrain et al., "Accumulating Householder Transformations, Revisited", ACM
      Transactions on Mathematical Software 2006.
    """
    check_positive(num_reflections=num_reflections)

    def init(key, size, dtype):
        if num_reflections > size:
            raise ValueError(
                f"num_reflections must be at most {size}, got {num_reflections}."
            )
        count = len(np.triu_indices(num_reflections, 0, size)[0])
        return jax.random.normal(key, (count,)).astype(dtype)

    def matrix(weights, size):
        vectors = _above_diagonal(weights, num_reflections, size, offset=0)
        vectors /= jnp.linalg.norm(vectors, axis=1, keepdims=True)
        eye = jnp.eye(num_reflections, dtype=weights.dtype)
        mixing = jnp.triu(vectors @ vectors.T, 1) + eye / 2
        solved = solve_triangular(mixing, vectors)
        return jnp.eye(size, dtype=weights.dtype) - vectors.T @ solved

    return Parametrization(init, matrix)


def orthogonal_matrix(
    parametrization: Parametrization, weights: Array, size: int
) -> Array:
    """Returns W, orthogonal to the precision of the weights' dtype.

    Rounding errors are corrected by one Newton step towards the nearest orthogonal
    matrix, (3 W - W Wᵀ W) / 2, which squares the distance to it and does not change the
    gradient. Everything is computed in at least float32, at full precision on every
    platform.

    Args:
      parametrization: maps the weights to W.
      weights: its weights.
      size: number of rows of W.

    References:
      Bjorck and Bowie, "An Iterative Algorithm for Computing the Best Estimate of an
      Orthogonal Matrix", SIAM Journal on Numerical Analysis 1971.
    """
    wide = jnp.promote_types(weights.dtype, jnp.float32)
    with jax.default_matmul_precision("highest"):
        W = parametrization.matrix(weights.astype(wide), size)
        return ((3 * W - W @ (W.T @ W)) / 2).astype(weights.dtype)


def _above_diagonal(weights, num_rows, num_columns, offset):
    """Fills the entries from the diagonal with that offset upwards, row by row."""
    places = np.triu_indices(num_rows, offset, num_columns)
    return jnp.zeros((num_rows, num_columns), weights.dtype).at[places].set(weights)


def _rotating_planes(rates, size):
    """Returns the weights of a skew-symmetric matrix that rotates pairs of units."""
    first = 2 * np.arange(size // 2)
    upper = jnp.zeros((size, size)).at[first, first + 1].set(rates)
    return upper[np.triu_indices(size, 1)]


def _check_angle(max_angle):
    if not 0 < max_angle <= math.pi:
        raise ValueError(f"max_angle must be above 0 and at most π, got {max_angle}.")

"""Parametrizations of orthogonal matrices in NumPy, as their papers write them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.cells.parts.parametrizations import (
    cayley_transform,
    exponential_map,
    householder_product,
)
from tests.cells.paper import H


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


def draw_weights(rng, parametrization, size, scale=1.0):
    like = jax.eval_shape(
        lambda key: parametrization.init(key, size, jnp.float32), jax.random.key(0)
    )
    return scale * rng.normal(size=like.shape)


def distance(W):
    """The largest entry of WᵀW - I, computed in float64."""
    W = np.float64(W)
    return np.abs(W.T @ W - np.eye(len(W))).max()

"""The coverage loss against a loop over steps and rows, and its padding."""

import jax
import numpy as np
import pytest

from rnnjax.losses import coverage_loss

T, B, S = 6, 3, 5


def draw():
    rng = np.random.default_rng(0)
    weights = rng.random((T, B, S)) ** 3
    weights[:, range(B), range(B)] = 0  # a masked row in each memory
    weights /= weights.sum(axis=-1, keepdims=True)
    return weights * (rng.random((T, B, 1)) < 0.8)  # masked steps show zeros


def test_equals_the_paper(x64):
    """Equation 12 and, where no two are equal, its gradient."""
    weights, output = draw(), np.random.default_rng(1).normal(size=(T, B))
    want, gradient = np.zeros((T, B)), np.zeros((T, B, S))
    for t, b, i in np.ndindex(T, B, S):
        covered = sum(weights[s, b, i] for s in range(t))
        want[t, b] += min(weights[t, b, i], covered)
        if weights[t, b, i] < covered:
            gradient[t, b, i] += output[t, b]
        elif covered < weights[t, b, i]:
            gradient[:t, b, i] += output[t, b]
    got, pull = jax.vjp(coverage_loss, weights)
    np.testing.assert_allclose(got, want, atol=1e-14)
    real = weights > 0
    np.testing.assert_allclose(pull(output)[0][real], gradient[real], atol=1e-14)
    assert (want[0] == 0).all() and want.max() < 1


def test_refuses_weights_of_one_step():
    with pytest.raises(ValueError, match=r"weights must be \[T, ..., S\], got shape"):
        coverage_loss(np.ones(S))

"""Pooling against loops over the real steps of each sequence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.layers.pooling import (
    first_step,
    last_read,
    last_step,
    max_pool,
    mean_pool,
)
from tests.pytrees import assert_close, assert_same_bits

T, B, D = 7, 4, 6
POOLS = {
    last_step: lambda real: real[-1],
    first_step: lambda real: real[0],
    last_read: lambda real: np.concatenate([real[-1, :3], real[0, 3:]]),
    mean_pool: lambda real: real.mean(axis=0),
    max_pool: lambda real: real.max(axis=0),
}
of_each = pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.__name__)


def draw():
    """Draws outputs, all below zero, and a mask with gaps and an empty sequence."""
    rng = np.random.default_rng(0)
    mask = rng.random((T, B)) < 0.6
    mask[:, 2] = False
    return -rng.random(size=(T, B, D)).astype(np.float32), mask


def by_hand(pool, outputs, mask):
    return np.stack(
        [
            POOLS[pool](outputs[mask[:, b], b]) if mask[:, b].any() else np.zeros(D)
            for b in range(B)
        ]
    ).astype(np.float32)


@of_each
def test_real_steps_alone_are_pooled_all_without_a_mask(pool):
    outputs, mask = draw()
    want = by_hand(pool, outputs, np.ones((T, B), bool))
    assert_close(pool(outputs), want, 1e-6)
    assert_close(pool(outputs[:, 0]), want[0], 1e-6)
    outputs[~mask] = np.nan
    assert_close(pool(outputs, mask), by_hand(pool, outputs, mask), 1e-6)


@of_each
def test_gradient_is_that_of_the_real_steps(pool):
    """Whatever stands in the padding, and none for an empty sequence."""
    outputs, mask = draw()
    weights = np.random.default_rng(1).normal(size=(B, D)).astype(np.float32)
    gradient = jax.grad(lambda x: (weights * pool(x, mask)).sum())
    got = gradient(outputs)
    for fill in (np.nan, np.inf):
        filled = np.where(mask[..., None], outputs, np.float32(fill))
        assert_same_bits(gradient(filled), got)
    assert not np.any(got[~mask])
    for b in set(range(B)) - {2}:
        assert_close(got[:, b].sum(axis=0), weights[b], 1e-6)


@of_each
def test_no_steps_give_zeros_dtype_is_kept_and_a_wrong_mask_refused(pool):
    assert_same_bits(pool(jnp.zeros((0, B, D))), np.zeros((B, D), np.float32))
    outputs, mask = draw()
    assert pool(jnp.bfloat16(outputs), mask).dtype == jnp.bfloat16
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(7, 4\), got"):
        pool(outputs, mask.T)


def test_directions_are_halves():
    with pytest.raises(ValueError, match="outputs must have two halves, got 5"):
        last_read(jnp.zeros((T, B, 5)))

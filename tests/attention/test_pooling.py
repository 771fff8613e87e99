"""Attentive pooling against loops over the real steps of each sequence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.attention import additive_pooling, query_pooling
from tests.loop import in_numpy
from tests.pytrees import assert_close, assert_same_bits, draw_like

T, B, D = 7, 4, 5


def query_energy(params, h):
    return params["query"] @ h


def additive_energy(params, h):
    """Yang et al. 2016, equations 5 and 6."""
    return params["energy_kernel"] @ np.tanh(h @ params["key_kernel"] + params["bias"])


POOLINGS = {query_energy: query_pooling(), additive_energy: additive_pooling(3)}
of_each = pytest.mark.parametrize("energy", POOLINGS, ids=lambda x: x.__name__)


def draw(energy):
    """Draws parameters, outputs, and a mask with gaps and an empty sequence."""
    rng = np.random.default_rng(0)
    pooling = POOLINGS[energy]
    shapes = jax.eval_shape(lambda key: pooling.init(key, D), jax.random.key(0))
    mask = rng.random((T, B)) < 0.6
    mask[:, 2] = False
    return draw_like(rng, shapes, scale=1.0), rng.normal(size=(T, B, D)), mask


def by_hand(energy, params, outputs, mask):
    pooled, weights = np.zeros((B, D)), np.zeros((T, B))
    for b in range(B):
        real = np.nonzero(mask[:, b])[0]
        shares = np.exp([energy(params, outputs[t, b]) for t in real])
        weights[real, b] = shares / shares.sum()
        pooled[b] = weights[real, b] @ outputs[real, b]
    return pooled, weights


@of_each
def test_equals_loop(energy):
    params, outputs, mask = draw(energy)
    pooling = POOLINGS[energy]
    pooled, weights = by_hand(energy, params, outputs, mask)
    assert_close(pooling.apply(params, outputs, mask), pooled, 1e-14)
    assert_close(pooling.weigh(params, outputs, mask), weights, 1e-14)
    pooled, _ = by_hand(energy, params, outputs, np.ones((T, B), bool))
    assert_close(pooling.apply(params, outputs), pooled, 1e-14)
    assert_close(pooling.apply(params, outputs[:, 0]), pooled[0], 1e-14)


@of_each
def test_padding_is_not_seen(energy):
    params, outputs, mask = draw(energy)

    @in_numpy
    def run(params, outputs):
        def score(*args):
            return jnp.sin(POOLINGS[energy].apply(*args, mask)).sum()

        return jax.value_and_grad(score, argnums=(0, 1))(params, outputs)

    want = run(params, outputs)
    of_outputs = want[1][1]
    assert not np.any(of_outputs[~mask]) and np.all(of_outputs[mask].any(axis=-1))
    for fill in (np.nan, np.inf):
        filled = np.where(mask[..., None], outputs, fill)
        assert_same_bits(run(params, filled), want)


@of_each
def test_dtype_is_kept_and_a_wrong_mask_refused(energy):
    params, outputs, mask = jax.tree.map(
        lambda x: x if x.dtype == bool else jnp.bfloat16(x), draw(energy)
    )
    pooling = POOLINGS[energy]
    assert jax.eval_shape(pooling.apply, params, outputs, mask).dtype == jnp.bfloat16
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(7, 4\), got"):
        pooling.apply(params, outputs, mask.T)


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="size must be a positive whole number, got 0"):
        additive_pooling(0)
    for pooling in POOLINGS.values():
        with pytest.raises(ValueError, match="input_size must be a positive whole"):
            pooling.init(jax.random.key(0), 0)

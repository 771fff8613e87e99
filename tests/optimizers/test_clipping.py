"""Clipping in cases that are known exactly."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rnnjax.optimizers import clip_by_block, clip_by_norm, clip_by_value, clip_states
from tests.pytrees import assert_same_bits


def draw(seed=0, scale=1.0):
    rng = np.random.default_rng(seed)
    grads = {"bias": rng.normal(size=3), "kernel": rng.normal(size=(2, 5))}
    return jax.tree.map(lambda x: np.float32(scale * x), grads)


def values_of(tree):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])


def norm_of(tree):
    return np.linalg.norm(np.float64(values_of(tree)))


def clip_once(transformation, grads):
    return transformation.update(grads, transformation.init(grads))


def test_the_clipped_norm_is_the_threshold():
    """The square of the larger gradient's norm overflows."""
    for scale in (1.0, 1e30):
        grads = draw(scale=scale)
        clipped, state = clip_once(clip_by_norm(0.25), grads)
        np.testing.assert_allclose(norm_of(clipped), 0.25, rtol=1e-6)
        want = values_of(grads) * (0.25 / norm_of(grads))
        np.testing.assert_allclose(values_of(clipped), want, rtol=1e-6)
        np.testing.assert_allclose(state.norm, norm_of(grads), rtol=1e-6)
        assert state.clipped_share == 1


@pytest.mark.parametrize("rule", [clip_by_norm, clip_by_value, clip_by_block])
def test_short_gradients_stay_as_they_are(rule):
    for grads in (draw(), draw(scale=0.0)):
        clipped, state = clip_once(rule(100.0), grads)
        assert_same_bits(clipped, grads)
        np.testing.assert_allclose(state.norm, norm_of(grads), rtol=1e-6)
        assert state.clipped_share == 0


def test_every_value_is_within_the_threshold():
    grads = draw()
    clipped, state = clip_once(clip_by_value(0.5), grads)
    values = values_of(grads)
    np.testing.assert_array_equal(values_of(clipped), np.clip(values, -0.5, 0.5))
    np.testing.assert_allclose(state.clipped_share, (abs(values) > 0.5).mean())
    assert 0 < state.clipped_share < 1


def test_every_block_is_clipped_by_its_own_norm():
    grads = draw()
    grads["bias"] /= 100
    clipped, state = clip_once(clip_by_block(0.5), grads)
    np.testing.assert_array_equal(clipped["bias"], grads["bias"])
    np.testing.assert_allclose(norm_of(clipped["kernel"]), 0.5, rtol=1e-6)
    np.testing.assert_allclose(state.norm, norm_of(grads), rtol=1e-6)
    assert state.clipped_share == 0.5


@pytest.mark.parametrize("rule", [clip_by_norm, clip_by_value, clip_by_block])
@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_thresholds_that_are_not_positive_are_refused(rule, threshold):
    name = "max_value" if rule is clip_by_value else "max_norm"
    with pytest.raises(ValueError, match=f"{name} must be positive, got {threshold}."):
        rule(threshold)


def test_clippings_are_found_in_a_chain_and_run_in_its_order():
    chain = clip_by_value(0.5), optax.chain(clip_by_norm(0.1)), optax.adam(0.1)
    optimizer, grads = optax.chain(*chain), draw()
    _, state = jax.jit(optimizer.update)(grads, optimizer.init(grads))
    by_value, by_norm = clip_states(state)
    clipped, _ = clip_once(clip_by_value(0.5), grads)
    np.testing.assert_allclose(by_value.norm, norm_of(grads), rtol=1e-6)
    np.testing.assert_allclose(by_norm.norm, norm_of(clipped), rtol=1e-6)
    assert set(by_norm._asdict()) == {"norm", "clipped_share"}


def test_thresholds_side_by_side():
    """Thresholds are traced, one for each member of a `vmap`."""
    grads, thresholds = draw(), jnp.array([0.1, 0.2, 100.0])
    clip = jax.vmap(lambda threshold: clip_once(clip_by_norm(threshold), grads)[0])
    norms = jax.vmap(optax.tree.norm)(clip(thresholds))
    np.testing.assert_allclose(norms, [0.1, 0.2, norm_of(grads)], rtol=1e-6)

"""Cross entropy over sequences against NumPy, and how its sums relate."""

import jax
import numpy as np
import pytest

from rnnjax import (
    cross_entropy,
    cross_entropy_mean_over_steps,
    cross_entropy_sum_over_time,
)

T, B, V = 7, 3, 11


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=3.0, size=(T, B, V)).astype(np.float32)
    return logits, rng.integers(V, size=(T, B)), rng.random((T, B)) < 0.6


def from_definition(logits, targets):
    """-log of the target's share, a step at a time."""
    nats = np.empty(targets.shape)
    for index in np.ndindex(targets.shape):
        scores = np.exp(np.float64(logits[index]))
        nats[index] = -np.log(scores[targets[index]] / scores.sum())
    return nats


def test_equals_definition(batch):
    logits, targets, mask = batch
    want = from_definition(logits, targets)
    np.testing.assert_allclose(cross_entropy(logits, targets), want, rtol=1e-5)
    got = cross_entropy(logits, targets, mask)
    np.testing.assert_allclose(got, want * mask, rtol=1e-5)


def test_equal_logits_cost_the_logarithm_of_the_vocabulary_and_large_ones_no_more():
    nats = cross_entropy(np.full((T, B, V), 4.0), np.zeros((T, B), np.int32))
    np.testing.assert_allclose(nats, np.log(V), rtol=1e-6)
    logits = np.array([[1e4, 0.0], [-1e4, 0.0]], np.float32)
    np.testing.assert_allclose(cross_entropy(logits, np.array([1, 0])), 1e4)


def test_sums_over_time_and_means_over_steps(batch):
    logits, targets, mask = batch
    nats = from_definition(logits, targets)
    sums = cross_entropy_sum_over_time
    means = cross_entropy_mean_over_steps
    np.testing.assert_allclose(sums(logits, targets), nats.sum(0).mean(), rtol=1e-5)
    np.testing.assert_allclose(means(logits, targets), nats.mean(), rtol=1e-5)
    masked = (nats * mask).sum(0).mean()
    np.testing.assert_allclose(sums(logits, targets, mask), masked, rtol=1e-5)
    np.testing.assert_allclose(
        means(logits, targets, mask), nats[mask].mean(), rtol=1e-5
    )


def test_gradient_is_share_minus_target(batch):
    logits, targets, mask = batch

    def total(logits):
        return cross_entropy(logits, targets, mask).sum()

    shares = np.exp(np.float64(logits))
    shares /= shares.sum(-1, keepdims=True)
    want = (shares - np.eye(V)[targets]) * mask[..., None]
    np.testing.assert_allclose(jax.grad(total)(logits), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fill", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize(
    "loss", [cross_entropy_sum_over_time, cross_entropy_mean_over_steps]
)
def test_masked_steps_are_not_seen(batch, loss, fill):
    """Neither their logits nor their targets, in values and gradients."""
    logits, targets, mask = batch
    spoilt, foreign = logits.copy(), targets.copy()
    spoilt[~mask], foreign[~mask] = fill, -1
    got = jax.value_and_grad(loss)(spoilt, foreign, mask)
    want = jax.value_and_grad(loss)(logits, targets, mask)
    for x, y in zip(got, want):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("target", [-1, V, 2**31 - 1])
def test_target_outside_the_vocabulary_gives_nan(batch, target):
    logits, targets, _ = batch
    targets = targets.astype(np.int32)
    targets[2, 1] = target
    nats = np.asarray(cross_entropy(logits, targets))
    assert np.isnan(nats[2, 1]) and np.isnan(nats).sum() == 1


def test_mean_over_no_step_is_nan(batch):
    logits, targets, _ = batch
    mask = np.zeros((T, B), bool)
    assert np.isnan(cross_entropy_mean_over_steps(logits, targets, mask))
    assert cross_entropy_sum_over_time(logits, targets, mask) == 0


def test_wrong_arguments_are_refused(batch):
    logits, targets, mask = batch
    message = r"targets must be integers of shape \(7, 3\), got"
    for wrong in (targets[:-1], targets.T, targets.astype(np.float32), logits):
        with pytest.raises(ValueError, match=message):
            cross_entropy(logits, wrong)
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(7, 3\), got"):
        cross_entropy(logits, targets, mask.astype(np.float32))

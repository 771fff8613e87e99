"""`dropout`: rate, scale, and randomness bound to absolute time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import dropout
from rnnjax.layers.dropout import locked_dropout
from tests.pytrees import assert_same_bits

RATE, KEY = 0.3, jax.random.key(0)
INPUTS = np.random.default_rng(0).normal(size=(7, 3, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def dropped():
    inputs = np.random.default_rng(0).normal(size=(50, 20, 30)).astype(np.float32)
    _, outputs = dropout(RATE).apply({}, None, inputs, key=jax.random.key(0))
    return inputs, np.asarray(outputs)


def test_zeroes_at_the_rate_and_scales_the_rest(dropped):
    inputs, outputs = dropped
    zeroed = outputs == 0
    deviation = np.sqrt(RATE * (1 - RATE) / zeroed.size)
    assert abs(zeroed.mean() - RATE) < 5 * deviation
    want = inputs[~zeroed] / (1 - RATE)
    np.testing.assert_allclose(outputs[~zeroed], want, rtol=1e-6)


def test_steps_sequences_and_features_are_drawn_apart(dropped):
    """Neighbours agree as often as independent draws do."""
    zeroed = dropped[1] == 0
    agreement = RATE**2 + (1 - RATE) ** 2
    for axis in range(3):
        first = np.delete(zeroed, -1, axis=axis)
        second = np.delete(zeroed, 0, axis=axis)
        assert abs((first == second).mean() - agreement) < 0.02


def test_no_key_or_no_rate_changes_nothing():
    for rate, key in ((RATE, None), (0.0, KEY)):
        carry, outputs = dropout(rate).apply({}, None, INPUTS, key=key)
        assert_same_bits(outputs, INPUTS)
        assert carry == 7 and carry.dtype == jnp.int32
        locked = locked_dropout(rate).apply({}, None, INPUTS, key=key)
        assert_same_bits(locked, ((), INPUTS))
    with pytest.raises(ValueError, match="rate must be from 0 to less than 1, got 1"):
        locked_dropout(1.0)


def test_gradient_goes_where_values_do():
    def run(inputs):
        return dropout(RATE).apply({}, None, inputs, key=KEY)[1]

    want = np.where(run(INPUTS) == 0, 0, np.float32(1 / (1 - RATE)))
    got = jax.grad(lambda inputs: run(inputs).sum())(INPUTS)
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_clock_runs_on_masked_steps_and_over_resets():
    mask = np.array([True, False, True])
    inputs = np.ones((3, 2), np.float32)
    carry, _ = dropout(RATE).apply({}, 4, inputs, mask=mask, is_first=mask)
    assert carry == 7


def test_locked_mask_is_the_same_at_every_step():
    inputs = np.random.default_rng(0).normal(size=(5, 40, 50)).astype(np.float32)
    _, outputs = locked_dropout(RATE).apply({}, None, inputs, key=jax.random.key(0))
    scale = np.asarray(outputs) / inputs
    np.testing.assert_allclose(scale, np.broadcast_to(scale[0], scale.shape), rtol=1e-5)
    zeroed = scale[0] == 0
    assert abs(zeroed.mean() - RATE) < 5 * np.sqrt(RATE * (1 - RATE) / zeroed.size)
    np.testing.assert_allclose(scale[0][~zeroed], 1 / (1 - RATE), rtol=1e-5)
    agreement = RATE**2 + (1 - RATE) ** 2
    for axis in range(2):
        first, second = (np.delete(zeroed, end, axis=axis) for end in (0, -1))
        assert abs((first == second).mean() - agreement) < 0.05

"""Lengths, masks and the order of resets."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import lengths_to_mask
from rnnjax.masking import computing_order, select, zero_masked
from tests.refusals import refuses


@pytest.mark.parametrize("jitted", [False, True])
def test_mask_is_true_before_the_length(jitted):
    lengths = np.random.default_rng(0).integers(0, 8, size=(4, 3))
    lengths[0] = 0, 1, 7
    make = jax.jit(lengths_to_mask, static_argnums=1) if jitted else lengths_to_mask
    mask = make(lengths, 7)
    assert mask.shape == (7, 4, 3) and mask.dtype == jnp.bool_
    for t, i, j in np.ndindex(7, 4, 3):
        assert mask[t, i, j] == (t < lengths[i, j])


def test_one_length_no_length_and_lengths_of_few_bits():
    np.testing.assert_array_equal(lengths_to_mask(2, 3), [True, True, False])
    assert lengths_to_mask(np.zeros(0, np.int32), 3).shape == (3, 0)
    assert lengths_to_mask(np.array([0, 0]), 0).shape == (0, 2)
    # a length of few bits is compared with more steps than it can count
    mask = lengths_to_mask(np.array([100, 127], np.int8), 300)
    np.testing.assert_array_equal(mask.sum(axis=0), [100, 127])


test_wrong_lengths_are_refused = refuses(
    (lengths_to_mask, jnp.array([1, 8]), 7, "lengths must be from 0 to 7, got 8."),
    (lengths_to_mask, jnp.array([-1, 8]), 7, "lengths must be from 0 to 7, got -1."),
    (lengths_to_mask, jnp.array([1.0]), 7, "lengths must be integers, got float32."),
    (lengths_to_mask, jnp.array([True]), 7, "lengths must be integers, got bool."),
)


def test_zero_masked_hides_everything():
    mask = np.array([[True, False], [False, True]])
    values = np.full((2, 2, 3), np.nan, np.float32)
    values[mask] = 5.0
    counts = np.full((2, 2), 9)
    zeroed, counted = zero_masked(mask, (values, counts))
    np.testing.assert_array_equal(zeroed, np.repeat(5.0 * mask[..., None], 3, -1))
    np.testing.assert_array_equal(counted, 9 * mask)
    assert zero_masked(None, values) is values


def test_select_aligns_with_the_first_axes():
    """Where batch and features are equal in number, the batch is meant."""
    condition = np.array([True, False, True])
    got = select(condition, np.ones((3, 3)), np.zeros((3, 3)))
    np.testing.assert_array_equal(got, np.repeat(condition[:, None], 3, axis=1))


def test_order_of_computing():
    """In reverse the step before a first one, in time, begins anew."""
    is_first = np.array([[True, False, True, False], [False] * 3 + [True]]).T
    assert computing_order(None, True) is None
    np.testing.assert_array_equal(computing_order(is_first, False), is_first)
    want = np.array([[False, True, False, False], [False, False, True, False]]).T
    np.testing.assert_array_equal(computing_order(is_first, True), want)

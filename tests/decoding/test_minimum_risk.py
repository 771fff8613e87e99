"""Minimum-risk decoding against loops over all pairs of samples."""

import collections

import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.decoding import expected_utilities, minimum_risk, unigram_f1

L, N, BATCH = 6, 7, (2, 3)
RNG = np.random.default_rng(0)
TOKENS = RNG.integers(4, size=(L, N, *BATCH))
LENGTHS = RNG.integers(L + 1, size=(N, *BATCH))


def f1(candidate, reference):
    common = collections.Counter(candidate) & collections.Counter(reference)
    total = len(candidate) + len(reference)
    return 2 * common.total() / total if total else 1.0


def negative_hamming(candidate, candidate_length, reference, reference_length):
    """A user's utility, which is not symmetric."""
    differ = jnp.sum(candidate != reference)
    return -differ - 0.3 * candidate_length + 0.1 * reference_length


def test_the_sample_of_the_highest_mean_f1_is_chosen():
    found = minimum_risk(TOKENS, LENGTHS, unigram_f1)
    for row in np.ndindex(BATCH):
        samples = [TOKENS[: LENGTHS[n, *row], n, *row].tolist() for n in range(N)]
        want = [np.mean([f1(own, other) for other in samples]) for own in samples]
        np.testing.assert_allclose(found.utilities[:, *row], want, 1e-6)
        assert found.index[row] == np.argmax(np.float32(want))
        np.testing.assert_array_equal(
            found.tokens[:, *row], TOKENS[:, found.index[row], *row]
        )
        assert found.lengths[row] == LENGTHS[found.index[row], *row]
    assert len(np.unique(found.index)) > 2


def test_any_utility_is_averaged_over_the_references():
    found = minimum_risk(TOKENS[:, :, 0, 1], LENGTHS[:, 0, 1], negative_hamming)
    own = [(TOKENS[:, n, 0, 1], LENGTHS[n, 0, 1]) for n in range(N)]
    utilities = np.array([[negative_hamming(*x, *y) for y in own] for x in own])
    np.testing.assert_allclose(found.utilities, utilities.mean(axis=1), 1e-5)
    weights = RNG.random(N).astype(np.float32)
    np.testing.assert_allclose(
        expected_utilities(utilities, weights),
        np.average(utilities, axis=1, weights=weights),
        1e-5,
    )


@pytest.mark.parametrize(
    ("tokens", "lengths"),
    [
        (TOKENS, LENGTHS[0]),
        (TOKENS[:, :0], LENGTHS[:0]),
        (TOKENS[:, 0, 0, 0], LENGTHS[0, 0, 0]),
    ],
)
def test_lengths_of_another_shape_are_refused(tokens, lengths):
    with pytest.raises(ValueError, match=r"lengths must have shape \(N, \*batch\) of"):
        minimum_risk(tokens, lengths, unigram_f1)

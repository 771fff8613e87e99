"""Edits against all alignments, and error rates."""

import functools

import numpy as np
import pytest

from experiments.shared.edits import edits, error_rate


def fewest_edits(true, written):
    """By the definition, over all ways to align the two."""

    @functools.cache
    def fewest(i, j):
        if i == 0 or j == 0:
            return i + j
        same = true[i - 1] == written[j - 1]
        return min(
            fewest(i - 1, j - 1) + (not same),
            fewest(i - 1, j) + 1,
            fewest(i, j - 1) + 1,
        )

    return fewest(len(true), len(written))


def test_edits_are_the_fewest():
    rng = np.random.default_rng(0)
    for _ in range(60):
        true, written = (
            tuple(rng.integers(3, size=rng.integers(7)).tolist()) for _ in range(2)
        )
        found = edits(true, written)
        assert found.total == fewest_edits(true, written)
        assert len(true) - found.deletions + found.insertions == len(written)


def test_the_nearest_reference_counts():
    references = [["abcde", "bc"], ["xy"], ["z"]]
    found = error_rate(references, ["bd", "xy", "zz"])
    # b[c->d] of two symbols, nothing of two, one more than one.
    assert found == pytest.approx((2 / 5, 1 / 5, 0, 1 / 5, 2 / 3))
    with pytest.raises(ValueError, match="references must hold a symbol"):
        error_rate([[""]], ["a"])

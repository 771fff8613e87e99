"""The rule that splits one file, and its stability."""

import zlib

import numpy as np
import pytest

from experiments.data import splits


def test_independent_lines_are_split_by_their_checksum():
    lines = [f"line {number}" for number in range(2000)]
    train, validation, test = splits.split_independent(lines)
    assert sorted(train + validation + test) == sorted(lines)
    for part, last_digit in ((validation, 8), (test, 9)):
        assert abs(len(part) - 200) < 60
        assert {zlib.crc32(line.encode()) % 10 for line in part} == {last_digit}


def test_equal_lines_stay_together_and_new_ones_move_no_other():
    lines = [f"line {number % 70}" for number in range(200)]
    parts = splits.split_independent(lines)
    assert not set(parts[0]) & set(parts[1]) and not set(parts[0]) & set(parts[2])
    more = splits.split_independent(["new", *lines, "newer"])
    for part, larger in zip(parts, more, strict=True):
        assert [line for line in larger if not line.startswith("new")] == part


def test_a_stream_is_split_by_place():
    parts = splits.split_by_place(np.arange(23))
    assert [part.tolist() for part in parts] == [[*range(18)], [18, 19], [20, 21, 22]]
    assert splits.split_by_place("abcdefgh", 0.5) == ("abcd", "ef", "gh")
    # the first part is rounded down
    assert splits.split_in_two("abcdefghijklm", 0.9) == ("abcdefghijk", "lm")
    train, rest = splits.split_in_two(np.arange(7), 0.5)
    assert train.tolist() == [0, 1, 2] and rest.tolist() == [3, 4, 5, 6]


@pytest.mark.parametrize("fraction", [0.0, 0.01, 1.0, 1.5, -0.5])
def test_no_part_may_be_empty(fraction):
    message = f"share of {fraction:g} of 20 symbols leaves one side empty"
    with pytest.raises(ValueError, match=message):
        splits.split_in_two("ab" * 10, fraction)


def test_folds_keep_groups_together_and_are_of_about_equal_weight():
    rng = np.random.default_rng(0)
    groups = [f"speaker {i}" for i in rng.integers(40, size=300)]
    weights = rng.integers(1, 9, size=300)
    folds = np.array(splits.folds_by_group(groups, weights.tolist(), 5))
    assert len(set(zip(groups, folds.tolist()))) == len(set(groups))
    totals = np.bincount(folds, weights, minlength=5)
    heaviest = max(weights[[g == group for g in groups]].sum() for group in set(groups))
    assert totals.max() - totals.min() <= heaviest
    with pytest.raises(ValueError, match="num_folds must be at most 2, .* got 3"):
        splits.folds_by_group("aba", [1, 1, 1], 3)

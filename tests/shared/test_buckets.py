import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.shared import buckets as bucketing

LENGTHS = np.random.default_rng(0).geometric(0.1, size=103) - 1  # some are zero
SEQUENCES = [np.arange(length, dtype=np.int32) + 1 for length in LENGTHS]


@pytest.mark.parametrize("batch_size", [1, 7, 200])
def test_every_sequence_once_per_epoch_in_few_shapes(batch_size):
    buckets = bucketing.make_buckets(LENGTHS, batch_size, max_shapes=4)
    rows = bucketing.shuffled_batches(buckets, seed=3)
    num_batches = bucketing.batches_per_epoch(buckets)
    programs = jax.jit(lambda tokens, mask: jnp.where(mask, tokens, 0).sum())
    orders = []
    for epoch in range(3):
        seen, total = [], 0
        for index in range(epoch * num_batches, (epoch + 1) * num_batches):
            batch = rows(index)
            mask = bucketing.real_steps(buckets, batch)
            tokens = bucketing.pad(SEQUENCES, batch, fill=-1)
            np.testing.assert_array_equal(tokens != -1, mask)
            total += int(programs(tokens, mask))
            seen += batch.indices[batch.is_real].tolist()
        assert sorted(seen) == list(range(len(LENGTHS)))
        assert total == sum(sequence.sum() for sequence in SEQUENCES)
        orders.append(seen)
    assert orders[0] != orders[1] != orders[2]
    assert programs._cache_size() <= 4


def steps_of(lengths, bounds, batch_size):
    """Counts the steps of an epoch; infinity if a bucket has less than a batch."""
    buckets = np.searchsorted(bounds, lengths)
    numbers = np.bincount(buckets, minlength=len(bounds))
    if numbers.min() < min(batch_size, len(lengths)):
        return np.inf
    return sum(-(-n // batch_size) * batch_size * b for n, b in zip(numbers, bounds))


@pytest.mark.parametrize(("batch_size", "max_shapes"), [(1, 3), (4, 2), (3, 4), (9, 9)])
def test_no_other_bounds_have_fewer_steps(batch_size, max_shapes):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        lengths = rng.geometric(0.2, size=rng.integers(1, 30))
        candidates = np.unique(lengths)
        least = min(
            steps_of(lengths, (*bounds, candidates[-1]), batch_size)
            for number in range(max_shapes)
            for bounds in itertools.combinations(candidates[:-1], number)
        )
        buckets = bucketing.make_buckets(lengths, batch_size, max_shapes)
        assert steps_of(lengths, buckets.num_steps, batch_size) == least
        assert len(buckets.num_steps) <= max_shapes
        for num_steps, members in zip(buckets.num_steps, buckets.members):
            assert lengths[members].max() <= num_steps


def test_a_batch_depends_on_seed_and_update_alone():
    buckets = bucketing.make_buckets(LENGTHS, batch_size=7)
    ahead, again = (bucketing.shuffled_batches(buckets, seed=5) for _ in range(2))
    other = bucketing.shuffled_batches(buckets, seed=6)
    expected = [ahead(index) for index in range(40)]
    for index in (39, 3, 17):
        np.testing.assert_array_equal(again(index).indices, expected[index].indices)
        assert again(index).num_steps == expected[index].num_steps
    assert any((other(i).indices != expected[i].indices).any() for i in range(3))


def test_an_evaluation_reads_every_sequence_once_in_the_shapes_of_training():
    buckets = bucketing.make_buckets(LENGTHS, batch_size=7, max_shapes=3)
    batches = list(bucketing.rows_in_order(buckets))
    seen = np.concatenate([rows.indices[rows.is_real] for rows in batches])
    assert sorted(seen) == list(range(len(LENGTHS)))
    assert {rows.num_steps for rows in batches} == set(buckets.num_steps)
    assert {len(rows.indices) for rows in batches} == {7}
    for rows in batches:
        assert bucketing.pick(LENGTHS, rows).max() <= rows.num_steps


def test_rows_that_are_filled_up_have_the_fill():
    buckets = bucketing.make_buckets([2, 0], batch_size=3, max_shapes=1)
    (rows,) = bucketing.rows_in_order(buckets)
    features = [np.ones((2, 2), np.float32), np.ones((0, 2), np.float32)]
    padded = bucketing.pad(features, rows, fill=np.nan)
    np.testing.assert_array_equal(np.isfinite(padded).sum(axis=(1, 2)), [4, 0, 0])
    labels = bucketing.pick(np.array([5, 6]), rows, fill=-1)
    np.testing.assert_array_equal(labels, [5, 6, -1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 2), "lengths must be those of one sequence or more"),
        (([3, -1], 2), "lengths must be .* got .*-1"),
        (([3], 0), "batch_size must be positive, got 0"),
        (([3], 2, 0), "max_shapes must be positive, got 0"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        bucketing.make_buckets(*arguments)


def test_no_negative_update():
    rows = bucketing.shuffled_batches(bucketing.make_buckets([3], 1), seed=0)
    with pytest.raises(ValueError, match="index must be zero or more, got -1"):
        rows(-1)

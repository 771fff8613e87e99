"""Batches of sequences of unequal lengths, in a bounded number of shapes.

Sequences of similar length share a batch, padded to one of a few lengths, so few
programs are compiled and little is computed on padding. A batch that cannot be filled
is filled up with rows that are all padding: it has the shape of the others, and no
sequence is left out or counted twice.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

MAX_BOUNDS = 256  # lengths that are tried as bounds of buckets


class Rows(NamedTuple):
    """Which sequences make a batch.

    Attributes:
      indices: `[batch_size]` numbers of the sequences; -1 where the row is filled up.
      num_steps: the length that all of them are padded to.
    """

    indices: np.ndarray
    num_steps: int

    @property
    def is_real(self) -> np.ndarray:
        """`[batch_size]` bool, false where a row is filled up."""
        return self.indices >= 0


class Buckets(NamedTuple):
    """Sequences by their padded length.

    Attributes:
      lengths: `[num_sequences]` number of steps of each sequence.
      num_steps: the padded length of each bucket, in increasing order.
      members: the numbers of the sequences in each bucket.
      batch_size: sequences per batch.
    """

    lengths: np.ndarray
    num_steps: tuple[int, ...]
    members: tuple[np.ndarray, ...]
    batch_size: int


def make_buckets(
    lengths: Sequence[int] | np.ndarray, batch_size: int, max_shapes: int = 8
) -> Buckets:
    """Sorts sequences into at most `max_shapes` buckets by their lengths.

    The bounds are those with the fewest steps in an epoch's batches, padding included,
    among bounds with a full batch in every bucket.

    Args:
      lengths: `[num_sequences]` number of steps of each sequence, zero or more.
      batch_size: sequences per batch.
      max_shapes: number of buckets at most, and so of shapes to compile for.

    Returns:
      The buckets; none is empty.

    Raises:
      ValueError: if there is no sequence, a length is negative, or `batch_size` or
        `max_shapes` is not positive.

    Example:
      >>> buckets = make_buckets([3, 9, 4, 2, 8, 3], batch_size=2, max_shapes=2)
      >>> buckets.num_steps
      (4, 9)
      >>> [members.tolist() for members in buckets.members]
      [[0, 2, 3, 5], [1, 4]]
    """
    lengths = np.asarray(lengths)
    if lengths.ndim != 1 or not len(lengths) or lengths.min() < 0:
        raise ValueError(
            "lengths must be those of one sequence or more, none negative, "
            f"got {lengths}."
        )
    for name, value in {"batch_size": batch_size, "max_shapes": max_shapes}.items():
        if value < 1:
            raise ValueError(f"{name} must be positive, got {value}.")
    padded = np.maximum(lengths, 1)  # a program needs a step
    bounds = _best_bounds(padded, batch_size, max_shapes)
    bucket_of = np.searchsorted(bounds, padded)
    members = tuple(np.flatnonzero(bucket_of == i) for i in range(len(bounds)))
    return Buckets(lengths, tuple(bounds.tolist()), members, batch_size)


def batches_per_epoch(buckets: Buckets) -> int:
    """Returns the number of batches that hold every sequence once."""
    return sum(-(-len(members) // buckets.batch_size) for members in buckets.members)


def shuffled_batches(buckets: Buckets, seed: int) -> Callable[[int], Rows]:
    """Makes the order of the training batches.

    In every epoch each sequence occurs once. The sequences of a bucket and the order of
    the batches are shuffled anew for each epoch.

    Args:
      buckets: the sequences.
      seed: seed of the order.

    Returns:
      `rows(index)`, the rows of update `index` from 0, in any epoch; a function of
      `seed` and `index` alone.

    Raises:
      ValueError: by `rows`, if the index is negative.
    """
    num_batches = batches_per_epoch(buckets)

    @functools.lru_cache(maxsize=1)
    def epoch_batches(epoch):
        rng = np.random.default_rng((seed, epoch))
        batches = [
            rows
            for num_steps, members in zip(buckets.num_steps, buckets.members)
            for rows in _cut(rng.permutation(members), num_steps, buckets.batch_size)
        ]
        return [batches[i] for i in rng.permutation(num_batches)]

    def rows(index):
        if index < 0:
            raise ValueError(f"index must be zero or more, got {index}.")
        epoch, place = divmod(index, num_batches)
        return epoch_batches(epoch)[place]

    return rows


def rows_in_order(buckets: Buckets) -> Iterator[Rows]:
    """Yields batches that hold every sequence once, for an evaluation.

    They have the shapes of the training batches.
    """
    for num_steps, members in zip(buckets.num_steps, buckets.members):
        yield from _cut(members, num_steps, buckets.batch_size)


def pad(sequences: Sequence[np.ndarray], rows: Rows, fill: float = 0) -> np.ndarray:
    """Stacks the sequences of a batch.

    Args:
      sequences: all sequences, `[length, ...]` each.
      rows: which of them.
      fill: the value of padding.

    Returns:
      `[batch_size, num_steps, ...]`, of the sequences' dtype.
    """
    first = sequences[int(rows.indices.max())]
    shape = (len(rows.indices), rows.num_steps, *first.shape[1:])
    padded = np.full(shape, fill, first.dtype)
    for row, index in zip(padded, rows.indices):
        if index >= 0:
            row[: len(sequences[index])] = sequences[index]
    return padded


def pick(values: np.ndarray, rows: Rows, fill: float = 0) -> np.ndarray:
    """Returns the values `[num_sequences, ...]` of a batch, `[batch_size, ...]`."""
    real = rows.is_real.reshape(-1, *[1] * (values.ndim - 1))
    return np.where(real, values[rows.indices], np.asarray(fill, values.dtype))


def real_steps(buckets: Buckets, rows: Rows) -> np.ndarray:
    """Returns the mask `[batch_size, num_steps]` of a batch, true at real steps."""
    return np.arange(rows.num_steps) < pick(buckets.lengths, rows)[:, None]


def _best_bounds(lengths: np.ndarray, batch_size: int, max_shapes: int) -> np.ndarray:
    """Finds the bounds of `make_buckets` by dynamic programming.

    With more than 256 lengths, bounds are looked for among 256 quantiles.
    """
    shares = np.arange(1, MAX_BOUNDS + 1) / MAX_BOUNDS
    bounds = np.unique(np.quantile(lengths, shares, method="inverted_cdf"))
    ends = np.searchsorted(np.sort(lengths), bounds, side="right")
    begins = np.concatenate([[0], ends[:-1]])
    # Of a bucket from bound i to bound j; none has less than a batch, if it can.
    number = ends - begins[:, None]
    steps = -(-number // batch_size) * batch_size * bounds.astype(float)
    steps[number < min(batch_size, len(lengths))] = np.inf
    least, chosen = steps[0], []
    for _ in range(1, max_shapes):
        totals = np.full_like(steps, np.inf)  # [last bound before, last bound]
        totals[:-1] = least[:-1, None] + steps[1:]
        before = np.where(totals.min(axis=0) < least, totals.argmin(axis=0), -1)
        chosen.append(before)
        least = np.minimum(least, totals.min(axis=0))
    found, last = [], len(bounds) - 1
    for before in reversed(chosen):
        if before[last] >= 0:
            found.append(bounds[last])
            last = before[last]
    return np.array([bounds[last], *reversed(found)])


def _cut(members: np.ndarray, num_steps: int, batch_size: int) -> list[Rows]:
    """Cuts the members of a bucket into batches."""
    num_batches = -(-len(members) // batch_size)
    filled = np.full(num_batches * batch_size, -1)
    filled[: len(members)] = members
    return [Rows(row, num_steps) for row in filled.reshape(num_batches, batch_size)]

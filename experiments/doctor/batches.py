"""Trouble of the batches of an epoch: padding, the last one, too many shapes."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from experiments.doctor.finding import Finding, percent
from experiments.shared.inspection import Inspection

MOST_BATCHES = 1000  # that are read of an epoch
MOST_PADDING = 0.5
MOST_SHAPES = 16
MOST_UNREAD = 0.1  # of a text
Shape = tuple[tuple[int, ...], ...]


class Epoch(NamedTuple):
    """What the batches of an epoch hold.

    Attributes:
      shapes: how often each shape occurs.
      num_rows: rows with a real step.
      num_real, num_steps: real steps, and all.
      first_bad: the first update whose batch is not finite, and where; None if all are.
      is_whole: whether it is the whole epoch.
    """

    shapes: Counter[Shape]
    num_rows: int
    num_real: int
    num_steps: int
    first_bad: tuple[int, str] | None
    is_whole: bool


def read_epoch(inspection: Inspection) -> Epoch:
    """Reads the first epoch, or its beginning if it is long."""
    shapes: Counter[Shape] = Counter()
    num_rows = num_real = num_steps = 0
    first_bad = None
    number = min(inspection.epoch_length, MOST_BATCHES)
    for i in range(number):
        batch = inspection.batch(i)
        shapes[shape_of(batch)] += 1
        mask = inspection.mask(batch)
        if mask is not None:
            mask = np.moveaxis(np.asarray(mask), inspection.batch_axis, 0)
            num_rows += int(mask.reshape(len(mask), -1).any(axis=1).sum())
            num_real, num_steps = num_real + int(mask.sum()), num_steps + mask.size
        else:
            num_rows += num_rows_of(shape_of(batch), inspection.batch_axis) or 0
            steps = next((x[0] * x[1] for x in shape_of(batch) if len(x) > 1), 0)
            num_real, num_steps = num_real + steps, num_steps + steps
        if first_bad is None and (place := _bad_place(batch)):
            first_bad = i, place
    is_whole = number == inspection.epoch_length
    return Epoch(shapes, num_rows, num_real, num_steps, first_bad, is_whole)


def check_batches(inspection: Inspection, epoch: Epoch) -> Iterator[Finding]:
    """Yields what is wrong with the batches."""
    if epoch.first_bad is not None:
        update, place = epoch.first_bad
        yield Finding(
            "non-finite batch",
            "serious",
            f"The batch of update {update} holds NaN or infinite numbers, in {place}.",
            {"fill": "says what stands for a missing value"},
            "Remove or replace these values in the data.",
        )
    yield from padding(epoch)
    yield from many_shapes(epoch)
    yield from last_batch(inspection, epoch)


def padding(epoch: Epoch) -> Iterator[Finding]:
    """Finds batches that are mostly padding."""
    share = 1 - epoch.num_real / max(epoch.num_steps, 1)
    if share > MOST_PADDING:
        yield Finding(
            "mostly padding",
            "warning",
            f"{percent(share)} of the steps of the batches are padding, for which the "
            "network computes as much as for the others.",
            {
                "batch_size": "smaller, if the batches are not filled",
                "max_length": "shorter, if a few examples are much longer than others",
            },
            "Put examples of similar length into a batch.",
        )


def many_shapes(epoch: Epoch) -> Iterator[Finding]:
    """Finds batches of so many shapes that compiling takes longer than training."""
    if len(epoch.shapes) > MOST_SHAPES:
        yield Finding(
            "many shapes",
            "warning",
            f"The {epoch.shapes.total()} batches of an epoch have {len(epoch.shapes)} "
            "shapes, and the update is compiled for each.",
            {},
            "Pad to a few lengths, as experiments/shared/buckets.py does.",
        )


def last_batch(inspection: Inspection, epoch: Epoch) -> Iterator[Finding]:
    """Finds a last batch that is dropped, compiled for itself, or counted twice."""
    sizes: Counter[int | None] = Counter()
    for shape, count in epoch.shapes.items():
        sizes[num_rows_of(shape, inspection.batch_axis)] += count
    (usual, _), *others = sizes.most_common()
    if others and None not in sizes:
        yield Finding(
            "last batch recompiled",
            "warning",
            f"Batches have {usual} rows, but {sum(n for _, n in others)} of the epoch "
            f"{', '.join(str(size) for size, _ in others)}: the update is compiled "
            "once more for it, and its examples weigh more than others.",
            {"batch_size": f"a divisor of the {epoch.num_rows:,} examples"},
            "Fill the last batch up with rows that are all padding.",
        )
    if not epoch.is_whole:
        return
    wanted = inspection.num_rows
    if wanted is not None and epoch.num_rows < wanted:
        yield Finding(
            "last batch dropped",
            "warning",
            f"An epoch reads {epoch.num_rows:,} of {wanted:,} training examples: the "
            f"batch that is not full is left out.",
            {"batch_size": f"a divisor of {wanted:,}"},
            "Fill the last batch up with rows that are all padding.",
        )
    if wanted is not None and epoch.num_rows > wanted:
        yield Finding(
            "examples counted twice",
            "warning",
            f"An epoch reads {epoch.num_rows:,} rows, but there are {wanted:,} "
            "training examples: the last batch is filled up with some that were read "
            "before.",
            {"batch_size": f"a divisor of {wanted:,}"},
            "Fill the last batch up with rows that are all padding.",
        )
    train = inspection.parts.get("train")
    if wanted is None and train is not None and len(train.inputs) == 1:
        unread = 1 - epoch.num_real / len(train.inputs[0])
        if unread > MOST_UNREAD:
            yield Finding(
                "text left unread",
                "warning",
                f"{percent(unread)} of the training text is in no batch: whole windows "
                "do not fit into the streams.",
                {"batch_size": "a smaller one", "num_steps": "fewer of them"},
                "Take fewer or shorter windows.",
            )


def shape_of(batch: Any) -> Shape:
    """Returns the shapes of the arrays of a batch."""
    return tuple(np.shape(x) for x in jax.tree.leaves(batch))


def num_rows_of(shape: Shape, batch_axis: int) -> int | None:
    """Returns the rows of a batch; None if its arrays do not agree on it."""
    sizes = {x[batch_axis] for x in shape if len(x) > batch_axis}
    return sizes.pop() if len(sizes) == 1 else None


def _bad_place(batch: Any) -> str:
    for path, leaf in jax.tree.leaves_with_path(batch):
        array = np.asarray(leaf)
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            where = np.argwhere(~np.isfinite(array))[0].tolist()
            return f"batch{jax.tree_util.keystr(path)}, at {where}"
    return ""

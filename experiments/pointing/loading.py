"""The sets of every task, in parts, and their batches."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.data import splits
from experiments.data.orders import Ordered, read_orders
from experiments.harness import BadInput, TrainingConfig, flag
from experiments.pointing.made import WIDTHS, draw_sets
from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Rows, pad, real_steps

NUM_EVALUATED = 1000  # made sets for validation, and as many for the test
NUM_PER_SIZE = 300  # made sets of each other size in the test
MADE_SEED = 2**31 - 1  # of those; all runs are tested on the same sets
Once = Literal["trained", "search", "never"]


@dataclasses.dataclass(frozen=True)
class SetFlags(TrainingConfig):
    """The flags that say what to point at."""

    task: Literal["sort", "hull", "own"] = flag(
        "sort",
        "sort: numbers, the least first; hull: the corners of the convex hull of "
        "points, anticlockwise from the leftmost; own: the orders of your file",
    )
    size: int = flag(10, "elements of the largest sets made for training", minimum=1)
    least_size: int | None = flag(
        None, "elements of the smallest ones; none: half as many", minimum=1
    )
    data_path: Path | None = flag(
        None,
        "file of your own: per line the numbers of a set, the word output, and the "
        "places of its elements in their order, from 1",
    )
    element_size: int | None = flag(
        None, "numbers per element of your file; none: 2 of hulls, else 1", minimum=1
    )
    encoding: str = flag("utf-8", "encoding of your file")
    once: Once = flag(
        "trained",
        "what keeps an element from being taken twice: the network, in training too; "
        "the search alone; or nothing",
    )

    def __post_init__(self):
        """Checks flags that depend on each other."""
        super().__post_init__()
        if self.task == "own" and self.data_path is None:
            raise ValueError("task own needs data_path.")
        if self.element_size is not None and self.data_path is None:
            raise ValueError("element_size needs data_path.")
        if self.task == "hull" and self.width != 2:
            raise ValueError(
                f"element_size must be 2 for hulls, got {self.element_size}."
            )
        least, most = self.sizes
        needed = 3 if self.task == "hull" else 1
        if not needed <= least <= most:
            raise ValueError(
                f"least_size must be from {needed} to size {most}, got {least}."
            )

    @property
    def width(self) -> int:
        """Numbers per element."""
        return self.element_size or WIDTHS.get(self.task, 1)

    @property
    def sizes(self) -> tuple[int, int]:
        """Elements of the smallest and of the largest sets made for training."""
        half = max(-(-self.size // 2), 3 if self.task == "hull" else 1)
        least = half if self.least_size is None else self.least_size
        return least, self.size


@dataclasses.dataclass(frozen=True)
class Elements:
    """What a run knows of the elements it was trained on.

    Attributes:
      mean, scale: of each number of an element; the network reads the number minus its
        mean, divided by its scale.
      longest: elements of the longest order that is found where elements may be taken
        twice.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    longest: int


class Parts(NamedTuple):
    """Sets for training, validation and test.

    Attributes:
      train: None if they are made anew for every batch.
      validation, test: the sets; made ones have the largest size.
      other: made sets of other sizes, for the test.
      digests: SHA-256 of the file, by its name.
    """

    train: list[Ordered] | None
    validation: list[Ordered]
    test: list[Ordered]
    other: list[Ordered]
    digests: dict[str, str]


def load_sets(flags: SetFlags) -> Parts:
    """Reads or makes the sets.

    Those of a file are split 80/10/10 by a checksum of their elements.

    Raises:
      BadInput: if the file cannot be read, or a part of it would be empty.
    """
    if flags.data_path is not None:
        return _read_own(flags, flags.data_path)
    least, size = flags.sizes
    others = [n for n in range(least, size * 3 // 2 + 1) if n != size]
    sizes = [size] * (2 * NUM_EVALUATED) + others * NUM_PER_SIZE
    rng = np.random.default_rng(MADE_SEED)
    sets = draw_sets(flags.task, rng, np.array(sizes))
    first, second = sets[:NUM_EVALUATED], sets[NUM_EVALUATED : 2 * NUM_EVALUATED]
    return Parts(None, first, second, sets[2 * NUM_EVALUATED :], {})


def _read_own(flags: SetFlags, path: Path) -> Parts:
    is_once = flags.once != "never"
    sets = read_orders(path, flags.width, once=is_once, encoding=flags.encoding)
    parts: dict[splits.Part, list[Ordered]] = {
        "train": [],
        "validation": [],
        "test": [],
    }
    for own in sets:
        parts[splits.part_of_line(str(own.elements.tolist()))].append(own)
    for name, part in parts.items():
        if not part:
            raise BadInput(f"there are too few sets: none is for {name}.", path)
    digests = {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
    return Parts(parts["train"], parts["validation"], parts["test"], [], digests)


def describe(parts: Parts, flags: SetFlags) -> Elements:
    """Returns what the network is to know of the elements.

    Made numbers are uniform; the scale of others is their standard deviation in the
    training sets, or 1 where they are all equal.
    """
    if parts.train is None:
        deviation = 12**-0.5
        return Elements((0.5,) * flags.width, (deviation,) * flags.width, flags.size)
    elements = np.concatenate([own.elements for own in parts.train]).astype(np.float64)
    scale = elements.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    longest = max(len(own.order) for own in parts.train) * 3 // 2
    mean = tuple(elements.mean(axis=0).tolist())
    return Elements(mean, tuple(scale.tolist()), longest)


class Batch(NamedTuple):
    """Sets, batch first.

    Attributes:
      elements: `[B, S, element_size]`, scaled.
      element_mask: `[B, S]` bool, true at real ones.
      inputs: `[B, T]`, the start, 0, and the order, in numbers from 1.
      targets: `[B, T]`, the order and the end, 0.
      mask: `[B, T]` bool, true at real steps.
    """

    elements: Any
    element_mask: Any
    inputs: Any
    targets: Any
    mask: Any


class Batcher:
    """Makes batches of given sets.

    Attributes:
      buckets: the sets by their numbers of elements; in each bucket orders are padded
        to the longest one in it.

    Args:
      sets: the sets.
      elements: how they are scaled.
      batch_size: sets per batch.
      max_shapes: number of shapes of batches at most.
    """

    def __init__(
        self,
        sets: Sequence[Ordered],
        elements: Elements,
        batch_size: int,
        max_shapes: int = 4,
    ):
        self._elements = [scaled(own.elements, elements) for own in sets]
        self._targets = [np.array([*own.order, -1], np.int32) + 1 for own in sets]
        self.buckets = bucketing.make_buckets(
            list(map(len, self._elements)), batch_size, max_shapes
        )
        lengths = np.array(list(map(len, self._targets)))
        self._steps = self.buckets._replace(lengths=lengths)
        self._longest = {
            num_elements: int(lengths[members].max())
            for num_elements, members in zip(
                self.buckets.num_steps, self.buckets.members
            )
        }

    def batch(self, rows: Rows, num_steps: int | None = None) -> Batch:
        """Makes the batch of some rows, of that many steps if given."""
        num_steps = num_steps or self._longest[rows.num_steps]
        of_steps = rows._replace(num_steps=num_steps)
        targets = pad(self._targets, of_steps)
        return Batch(
            pad(self._elements, rows),
            real_steps(self.buckets, rows),
            np.pad(targets[:, :-1], ((0, 0), (1, 0))),
            targets,
            real_steps(self._steps, of_steps),
        )


def scaled(elements: np.ndarray, known: Elements) -> np.ndarray:
    """Returns elements `[S, element_size]` as the network reads them."""
    mean, scale = (np.array(x, np.float32) for x in (known.mean, known.scale))
    return (elements - mean) / scale


def made_batch(flags: Any, elements: Elements, i: int) -> Batch:
    """Makes sets of all sizes of training, as a function of the seed and i alone."""
    rng = np.random.default_rng((flags.seed, i))
    least, size = flags.sizes
    sizes = rng.integers(least, size + 1, flags.batch_size)
    batcher = Batcher(draw_sets(flags.task, rng, sizes), elements, flags.batch_size, 1)
    rows = Rows(np.arange(flags.batch_size), size)
    return batcher.batch(rows, size + 1)

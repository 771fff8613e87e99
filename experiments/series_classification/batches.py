"""Series as arrays: what classes, channels and their scales are, and batches."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.harness import BadInput
from experiments.series_classification.made import made_signals
from experiments.series_classification.own import read_own
from experiments.series_classification.series import (
    Parts,
    Series,
    SeriesFlags,
    Source,
    classes_of,
)
from experiments.series_classification.sets import read_dataset
from experiments.shared.buckets import (
    Buckets,
    Rows,
    make_buckets,
    pad,
    pick,
    real_steps,
)

MADE = (1200, 200, 600)
MAX_SHAPES = 3  # of batches, for each of which a program is compiled
SHAPE_STEPS = 8  # of which padded lengths are multiples, so that parts share programs


def load_series(flags: SeriesFlags) -> Parts:
    """Loads the series of the flags.

    Raises:
      BadInput: if a file cannot be read, a part would be empty, or a label is in no
        training series.
      MissingData: if the data set is not on this machine.
    """
    if flags.dataset != "made":
        parts = read_dataset(flags)
    elif flags.data_path is not None:
        parts = read_own(flags, flags.data_path)
    else:
        made = made_signals(seed=0, number=sum(MADE))
        train, rest = made[: MADE[0]], made[MADE[0] :]
        channels = tuple(f"channel {i}" for i in range(made[0].values.shape[1]))
        split = train, rest[: MADE[1]], rest[MADE[1] :]
        parts = Parts(*split, channels, "table", False, {})
    known = set(classes_of(parts.train))
    if len(known) < 2:
        raise BadInput(
            f"the training series must have two labels or more, got {sorted(known)}.",
            flags.data_path,
        )
    for one in (*parts.validation, *parts.test):
        for label in one.labels:
            if label not in known:
                raise BadInput(
                    f"the label {label!r} of {one.name} is in no training series, "
                    f"which have {', '.join(sorted(known))}.",
                    flags.data_path,
                )
    return parts


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What the numbers of a network stand for.

    Attributes:
      classes: the labels.
      channels: the names of the channels.
      mean: what is subtracted from each channel.
      scale: what it is divided by then.
      source: what series are read from.
      by_step: whether every step has a label of its own.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    source: Source
    by_step: bool


def make_symbols(parts: Parts) -> Symbols:
    """Numbers the classes, and measures the channels of the training series alone.

    A channel is divided by its standard deviation, a constant one by 1; residues are
    read as they are.
    """
    steps = np.concatenate([one.values for one in parts.train]).astype(np.float64)
    mean, scale = steps.mean(axis=0), steps.std(axis=0)
    if parts.source == "residues":
        mean, scale = np.zeros_like(mean), np.ones_like(scale)
    scale = np.where(scale > 0, scale, 1)
    return Symbols(
        classes_of(parts.train),
        parts.channels,
        tuple(mean.tolist()),
        tuple(scale.tolist()),
        parts.source,
        parts.by_step,
    )


class Encoded(NamedTuple):
    """Series as numbers.

    Attributes:
      values: `[length, num_channels]` float32 of each, scaled.
      targets: `[length]` int32 of each, or `[1]`.
    """

    values: list[np.ndarray]
    targets: list[np.ndarray]

    @property
    def lengths(self) -> list[int]:
        """Number of steps of each series."""
        return [len(values) for values in self.values]


def scale(values: np.ndarray, symbols: Symbols) -> np.ndarray:
    """Scales the channels `[length, num_channels]` of a series."""
    scaled = (values - np.asarray(symbols.mean)) / np.asarray(symbols.scale)
    return scaled.astype(np.float32)


def encode(series: Sequence[Series], symbols: Symbols) -> Encoded:
    """Turns series into numbers."""
    index = {name: i for i, name in enumerate(symbols.classes)}
    return Encoded(
        [scale(one.values, symbols) for one in series],
        [np.array([index[x] for x in one.labels], np.int32) for one in series],
    )


def bucket_series(data: Encoded, batch_size: int) -> Buckets:
    """Sorts series by their lengths into a few shapes of batches."""
    lengths = np.asarray(data.lengths)
    rounded = -(-lengths // SHAPE_STEPS) * SHAPE_STEPS
    buckets = make_buckets(rounded, batch_size, MAX_SHAPES)
    return buckets._replace(lengths=lengths)


class Batch(NamedTuple):
    """Series of similar length, batch first.

    Attributes:
      inputs: `[B, T, num_channels]` float32.
      targets: `[B, T]` int32, or `[B]` if a series has one label.
      mask: `[B, T]` bool, true at steps.
      is_labelled: of the targets' shape, true where there is one.
    """

    inputs: np.ndarray
    targets: np.ndarray
    mask: np.ndarray
    is_labelled: np.ndarray


def make_batch(data: Encoded, buckets: Buckets, rows: Rows, by_step: bool) -> Batch:
    """Makes the batch of these rows."""
    inputs, mask = pad(data.values, rows), real_steps(buckets, rows)
    if by_step:
        return Batch(inputs, pad(data.targets, rows), mask, mask)
    targets = pick(np.concatenate(data.targets), rows)
    return Batch(inputs, targets, mask, rows.is_real)

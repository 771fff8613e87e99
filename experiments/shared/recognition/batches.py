"""Batches of frames and targets, in a bounded number of shapes."""

from typing import Any, NamedTuple

import numpy as np

from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Rows, pad, real_steps
from experiments.shared.recognition.examples import Encoded

SHAPE_STEPS, SHAPE_TARGETS = 32, 4  # padded lengths are multiples of these


class Batch(NamedTuple):
    """Frames and targets, batch first.

    Attributes:
      frames: `[B, T, num_channels]`.
      mask: `[B, T]` bool, true at real frames.
      targets: `[B, N]`.
      target_mask: `[B, N]` bool, true at real targets.
    """

    frames: Any
    mask: Any
    targets: Any
    target_mask: Any


class Batcher:
    """Makes batches.

    Attributes:
      buckets: the examples by the number of their frames; in each bucket targets are
        padded to the longest one in it.

    Args:
      data: the examples.
      batch_size: examples per batch.
      max_shapes: number of shapes of batches at most.
    """

    def __init__(self, data: Encoded, batch_size: int, max_shapes: int = 2):
        self._data = data
        lengths = np.array(list(map(len, data.values)))
        rounded = _round_up(lengths, SHAPE_STEPS)
        buckets = bucketing.make_buckets(rounded, batch_size, max_shapes)
        self.buckets = buckets._replace(lengths=lengths)
        num_targets = np.array(list(map(len, data.targets)))
        self._targets = buckets._replace(lengths=num_targets)
        self._longest = {
            num_steps: int(_round_up(num_targets[members].max(), SHAPE_TARGETS))
            for num_steps, members in zip(buckets.num_steps, buckets.members)
        }

    def batch(self, rows: Rows) -> Batch:
        """Makes the batch of some rows."""
        of_targets = rows._replace(num_steps=self._longest[rows.num_steps])
        # Targets that are padding may be anything but the blank.
        return Batch(
            pad(self._data.values, rows),
            real_steps(self.buckets, rows),
            pad(self._data.targets, of_targets, fill=1),
            real_steps(self._targets, of_targets),
        )


def _round_up(number: Any, multiple: int) -> Any:
    return -(-number // multiple) * multiple

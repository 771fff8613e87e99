"""Batches of drawings, in a bounded number of shapes."""

from typing import Any, NamedTuple

import numpy as np

from experiments.handwriting.loading import Encoded, Symbols
from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Rows, pad, real_steps


class Batch(NamedTuple):
    """Drawings, batch first.

    Attributes:
      inputs: `[B, T, 3]`, all offsets but the last.
      targets: `[B, T, 3]`, all offsets but the first.
      mask: `[B, T]` bool, true at real steps.
      text: `[B, S]`, the characters; None if the network is told none.
      text_mask: `[B, S]` bool, true at real characters; likewise.
    """

    inputs: Any
    targets: Any
    mask: Any
    text: Any
    text_mask: Any


class Batcher:
    """Makes batches.

    Attributes:
      buckets: the drawings by their numbers of points.

    Args:
      data: the drawings.
      symbols: what is known of them.
      batch_size: drawings per batch.
      max_shapes: number of shapes of batches at most.
    """

    def __init__(
        self, data: Encoded, symbols: Symbols, batch_size: int, max_shapes: int = 3
    ):
        self._data = data
        self._noise = np.array(symbols.noise, np.float32)
        self._has_text = symbols.characters is not None
        lengths = [len(offsets) - 1 for offsets in data.offsets]
        self.buckets = bucketing.make_buckets(lengths, batch_size, max_shapes)
        self._letters = self.buckets._replace(
            lengths=np.array(list(map(len, data.texts)))
        )
        self._longest = int(self._letters.lengths.max())

    def batch(self, rows: Rows, seed: tuple[int, ...]) -> Batch:
        """Makes the batch of some rows.

        Args:
          rows: the rows.
          seed: of the noise that is added to offsets on a grid, so that they have a
            density: uniform, as wide as a step of the grid.
        """
        offsets = pad(self._data.offsets, rows._replace(num_steps=rows.num_steps + 1))
        if self._noise.any():
            rng = np.random.default_rng(seed)
            noise = rng.random((*offsets.shape[:2], 2), np.float32) - np.float32(0.5)
            offsets[:, 1:, :2] += self._noise * noise[:, 1:]
        text = text_mask = None
        if self._has_text:
            own = rows._replace(num_steps=self._longest)
            text, text_mask = pad(self._data.texts, own), real_steps(self._letters, own)
        mask = real_steps(self.buckets, rows)
        return Batch(offsets[:, :-1], offsets[:, 1:], mask, text, text_mask)

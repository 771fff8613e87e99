"""Batches of pairs, in a bounded number of shapes."""

from typing import Any, NamedTuple

import numpy as np

from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Rows, pad, real_steps
from experiments.translation.symbols import Encoded, Symbols


class Batch(NamedTuple):
    """Pairs, batch first.

    Attributes:
      source: `[B, S]` tokens.
      source_mask: `[B, S]` bool, true at real ones.
      copied: `[B, S]`, the source in the numbers of targets.
      inputs: `[B, T]`, the start and all but the last token of the target.
      targets: `[B, T]`, the target and its end.
      mask: `[B, T]` bool, true at real steps.
      rate: the probability that an input is one that the model drew itself.
    """

    source: Any
    source_mask: Any
    copied: Any
    inputs: Any
    targets: Any
    mask: Any
    rate: Any


class Batcher:
    """Makes batches.

    Attributes:
      buckets: the pairs by the lengths of their targets; in each bucket sources are
        padded to the longest one in it.

    Args:
      data: the pairs.
      symbols: the vocabularies.
      batch_size: pairs per batch.
      max_shapes: number of shapes of batches at most.
    """

    def __init__(
        self, data: Encoded, symbols: Symbols, batch_size: int, max_shapes: int = 8
    ):
        self._data = data
        self._symbols = symbols
        self.buckets = bucketing.make_buckets(
            list(map(len, data.target)), batch_size, max_shapes
        )
        lengths = np.array(list(map(len, data.source)))
        self._lengths = self.buckets._replace(lengths=lengths)
        self._longest = {
            num_steps: int(lengths[members].max())
            for num_steps, members in zip(self.buckets.num_steps, self.buckets.members)
        }

    def batch(self, rows: Rows, rate: float = 0.0) -> Batch:
        """Makes the batch of some rows."""
        data = self._data
        of_source = rows._replace(num_steps=self._longest[rows.num_steps])
        targets = pad(data.target, rows)
        start = self._symbols.target.encode(["<s>"])
        first = np.broadcast_to(start, (len(targets), 1))
        return Batch(
            pad(data.source, of_source),
            real_steps(self._lengths, of_source),
            pad(data.copied, of_source),
            np.concatenate([first, targets[:, :-1]], axis=1),
            targets,
            real_steps(self.buckets, rows),
            np.float32(rate),
        )

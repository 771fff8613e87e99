"""Batches of images with several captions each, in a bounded number of shapes."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from experiments.captioning.loading import START, Examples, Symbols, encode
from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Rows, pad, pick


class Batch(NamedTuple):
    """Images and K captions of each, batch first.

    Attributes:
      images: `[B, side, side, 3]` uint8.
      inputs: `[B K, T]`, the start and all but the last token of the captions; those of
        an image follow each other.
      targets: `[B K, T]`, the captions with their ends.
      mask: `[B K, T]` bool, true at real steps.
    """

    images: Any
    inputs: Any
    targets: Any
    mask: Any


class Batcher:
    """Makes batches, in which every caption occurs once per epoch.

    An image with more than K captions is read several times, one with fewer has rows
    that are all padding.

    Attributes:
      buckets: the images by the length of their longest caption.

    Args:
      examples: the images and captions.
      symbols: the vocabulary.
      batch_size: images per batch.
      num_captions: captions per image, K.
      max_shapes: number of shapes of batches at most.
    """

    def __init__(
        self,
        examples: Examples,
        symbols: Symbols,
        batch_size: int,
        num_captions: int,
        max_shapes: int = 3,
    ):
        self._images = examples.images
        self._start = symbols.words.encode([START])
        self._of, self._tokens, lengths = [], [], []
        for number, captions in enumerate(examples.captions):
            for first in range(0, len(captions), num_captions):
                tokens = encode(captions[first : first + num_captions], symbols)
                own = [len(text) for text in tokens]
                padded = np.zeros((max(own), num_captions), np.int32)
                for k, text in enumerate(tokens):
                    padded[: len(text), k] = text
                self._of.append(number)
                self._tokens.append(padded)
                lengths.append(own + [0] * (num_captions - len(own)))
        self._lengths = np.array(lengths)
        longest = self._lengths.max(axis=1)
        self.buckets = bucketing.make_buckets(longest, batch_size, max_shapes)

    def batch(self, rows: Rows) -> Batch:
        """Makes the batch of some rows."""
        targets = pad(self._tokens, rows).swapaxes(1, 2).reshape(-1, rows.num_steps)
        lengths = pick(self._lengths, rows).reshape(-1, 1)
        first = np.broadcast_to(self._start, (len(targets), 1))
        return Batch(
            self._images[pick(np.array(self._of), rows)],
            np.concatenate([first, targets[:, :-1]], axis=1),
            targets,
            np.arange(rows.num_steps) < lengths,
        )

    def in_order(self) -> Iterator[Batch]:
        """Yields batches that hold every caption once."""
        return map(self.batch, bucketing.rows_in_order(self.buckets))

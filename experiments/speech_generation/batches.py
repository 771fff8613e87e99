"""Batches of frames with their texts, and of samples with their labels."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from experiments.data.audio import mu_law
from experiments.shared import buckets as bucketing
from experiments.shared.buckets import Rows, pad, pick, real_steps
from experiments.speech_generation.loading import (
    Sound,
    SoundFlags,
    Symbols,
    frames_of,
)

NUM_LEVELS = 256
SILENCE = int(mu_law(np.zeros(()), NUM_LEVELS))  # the level before the first sample
SHAPES = 3  # of batches
SHAPE_FRAMES, SHAPE_SAMPLES = 16, 512  # padded lengths are multiples of these


class FrameBatch(NamedTuple):
    """Texts and frames, batch first.

    Attributes:
      text: `[B, S]` int, the speaker first.
      text_mask: `[B, S]` bool, true at real symbols.
      frames: `[B, T, num_mels]`, scaled.
      mask: `[B, T]` bool, true at real frames.
    """

    text: Any
    text_mask: Any
    frames: Any
    mask: Any


class SampleBatch(NamedTuple):
    """Samples and labels, batch first.

    Attributes:
      levels: `[B, T]` int, of mu-law.
      labels: `[B, 2]` int, text and speaker.
      mask: `[B, T]` bool, true at real samples.
    """

    levels: Any
    labels: Any
    mask: Any


class FrameBatcher:
    """Makes batches of frames.

    Attributes:
      buckets: the sounds by the number of their frames.

    Args:
      sounds: the sounds.
      symbols: what numbers stand for.
      flags: how sounds become frames.
      batch_size: sounds per batch.

    Raises:
      BadInput: if a text or a speaker was never learned.
    """

    def __init__(
        self,
        sounds: Sequence[Sound],
        symbols: Symbols,
        flags: SoundFlags,
        batch_size: int,
    ):
        self._frames = [
            scale(frames_of(one.recording.samples, flags), symbols) for one in sounds
        ]
        self._texts = [
            symbols.encode(one.recording.text, one.speaker) for one in sounds
        ]
        self.buckets = _bucket(self._frames, SHAPE_FRAMES, batch_size)
        self._of_texts = self.buckets._replace(lengths=np.array(_lengths(self._texts)))

    def batch(self, rows: Rows) -> FrameBatch:
        """Makes the batch of some rows."""
        of_texts = rows._replace(num_steps=max(_lengths(self._texts)))
        return FrameBatch(
            pad(self._texts, of_texts),
            real_steps(self._of_texts, of_texts),
            pad(self._frames, rows),
            real_steps(self.buckets, rows),
        )


class SampleBatcher:
    """Makes batches of samples; the arguments are those of `FrameBatcher`."""

    def __init__(
        self,
        sounds: Sequence[Sound],
        symbols: Symbols,
        flags: SoundFlags,
        batch_size: int,
    ):
        del flags
        self._levels = [mu_law(one.recording.samples, NUM_LEVELS) for one in sounds]
        labels = [symbols.labels(one.recording.text, one.speaker) for one in sounds]
        self._labels = np.stack(labels)
        self.buckets = _bucket(self._levels, SHAPE_SAMPLES, batch_size)

    def batch(self, rows: Rows) -> SampleBatch:
        """Makes the batch of some rows."""
        return SampleBatch(
            pad(self._levels, rows, fill=SILENCE),
            pick(self._labels, rows),
            real_steps(self.buckets, rows),
        )


def scale(frames: np.ndarray, symbols: Symbols) -> np.ndarray:
    """Scales the bands of frames `[num_frames, num_mels]`."""
    scaled = (frames - np.asarray(symbols.mean)) / np.asarray(symbols.scale)
    return scaled.astype(np.float32)


def unscale(frames: np.ndarray, symbols: Symbols) -> np.ndarray:
    """Undoes `scale`."""
    return frames * np.asarray(symbols.scale) + np.asarray(symbols.mean)


def _lengths(rows: Sequence[np.ndarray]) -> list[int]:
    return [len(row) for row in rows]


def _bucket(
    values: Sequence[np.ndarray], multiple: int, batch_size: int
) -> bucketing.Buckets:
    lengths = np.array(_lengths(values))
    rounded = -(-lengths // multiple) * multiple
    buckets = bucketing.make_buckets(rounded, batch_size, SHAPES)
    return buckets._replace(lengths=lengths)

"""Losses of whole pieces, in nats per frame, and what they are compared with.

Published numbers differ in what they average. Here the first frame of a piece, which is
predicted from nothing, never counts; `Nats` has the mean over all other frames and the
mean over the pieces' own means.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from experiments.harness import Run
from experiments.polyphonic_music.batches import Batch
from experiments.polyphonic_music.pieces import Music, Pieces
from rnnjax.base import Array, Params


class Nats(NamedTuple):
    """Cross entropy in nats per frame, of all frames but the first of each piece.

    Attributes:
      pooled: mean over the frames of all pieces, as in Bai et al.
      over_pieces: mean over the pieces of each piece's own mean.
    """

    pooled: float
    over_pieces: float


def summarize(nats: np.ndarray, lengths: np.ndarray) -> Nats:
    """Averages the nats of pieces in both ways.

    Args:
      nats: `[num_pieces]`, sums over all frames but the first.
      lengths: `[num_pieces]`, frames of each piece, at least 2.

    Returns:
      The nats per frame.
    """
    predicted = lengths - 1
    return Nats(float(nats.sum() / predicted.sum()), float((nats / predicted).mean()))


def measure(
    piece_nats: Callable[[Params, Batch], Array], params: Params, batches: list[Batch]
) -> Nats:
    """Measures the loss of a network.

    Args:
      piece_nats: `(params, batch) -> [num_pieces]`, nats of each piece of a batch.
      params: the network's parameters.
      batches: the pieces.

    Returns:
      The nats per frame.
    """
    nats = [np.asarray(piece_nats(params, batch)) for batch in batches]
    lengths = np.concatenate([batch.lengths for batch in batches])
    return summarize(np.concatenate(nats).astype(np.float64), lengths)


def baselines(train: Pieces, test: Pieces) -> dict[str, Nats]:
    """Measures two baselines that predict each key from that key alone.

    Both are counts of the training pieces: how often a key is down, and how often it is
    down after a frame in which it was, or was not.

    Args:
      train: the pieces that are counted.
      test: the pieces that are predicted.

    Returns:
      The nats per frame by the name of the baseline.
    """
    return {
        "key frequencies": _counts(train, test, lambda before: np.zeros_like(before)),
        "key before": _counts(train, test, lambda before: before),
    }


def print_levels(run: Run, music: Music) -> dict[str, float]:
    """Prints what is learned, and the losses to compare with.

    Returns:
      Nats per frame of the test pieces, averaged over frames, by the name of what
      predicts them.
    """
    numbers = ", ".join(str(len(part)) for part in music[:3])
    num_frames = sum(map(len, music.train))
    run.print(f"{numbers} pieces; {num_frames:,} frames to learn from")
    found = baselines(music.train, music.test)
    levels = {name: nats.pooled for name, nats in found.items()}
    if music.least_loss is not None:
        levels["least possible"] = music.least_loss
    for name, nats in levels.items():
        run.print(f"{name}: {nats:.3f} nats per frame of the test pieces")
    return levels


def _counts(train: Pieces, test: Pieces, context) -> Nats:
    """Measures counts of a key given its context, false or true for each key."""
    counts = np.ones((2, 2, train[0].shape[1]))  # context, is down; one added to each
    for piece in train:
        seen, now = context(piece[:-1]), piece[1:]
        for value in (False, True):
            counts[int(value), 0] += ((seen == value) & ~now).sum(axis=0)
            counts[int(value), 1] += ((seen == value) & now).sum(axis=0)
    probabilities = counts / counts.sum(axis=1, keepdims=True)
    nats = []
    for piece in test:
        seen, now = context(piece[:-1]).astype(int), piece[1:].astype(int)
        nats.append(-np.log(probabilities[seen, now, np.arange(now.shape[1])]).sum())
    return summarize(np.array(nats), np.array([len(piece) for piece in test]))

"""Batches of pieces: padded, of few shapes, and a function of (seed, update) alone."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from experiments.polyphonic_music.pieces import Pieces
from rnnjax import lengths_to_mask
from rnnjax.base import Array


class Batch(NamedTuple):
    """Pieces side by side.

    Attributes:
      frames: `[num_frames, num_pieces, 88]` bool, padded at the end.
      lengths: `[num_pieces]` int32, frames of each piece; 0 where there is none.
    """

    frames: np.ndarray
    lengths: np.ndarray


def inputs_and_targets(batch: Batch) -> tuple[Array, Array, Array]:
    """Returns what a network reads, what it predicts, and which steps are real.

    Returns:
      All frames but the last, all but the first, `[T, B, 88]` float32, and the mask
      `[T, B]`.
    """
    frames = jnp.asarray(batch.frames, jnp.float32)
    predicted = jnp.maximum(jnp.asarray(batch.lengths) - 1, 0)
    return frames[:-1], frames[1:], lengths_to_mask(predicted, frames.shape[0] - 1)


def cut_pieces(pieces: Pieces, num_steps: int) -> Pieces:
    """Cuts pieces so that a network reads at most `num_steps` frames of each.

    Neighbours share a frame, the last that one predicts and the first that the next
    reads: every frame of a piece except its first is predicted once.

    Args:
      pieces: `[num_frames, 88]` each.
      num_steps: the most frames to read.

    Returns:
      Pieces of 2 to `num_steps + 1` frames.
    """
    return [
        piece[start : start + num_steps + 1]
        for piece in pieces
        for start in range(0, len(piece) - 1, num_steps)
    ]


def make_batches(pieces: Pieces) -> list[Batch]:
    """Puts all pieces of similar length into one batch, for evaluations."""
    return [_pad(group, len(group)) for group in _group(pieces).values()]


def sample_batches(
    pieces: Pieces, batch_size: int, seed: int
) -> tuple[int, Callable[[int], Batch]]:
    """Makes the batches of a training.

    An epoch reads every piece once, in an order of its own. A batch holds pieces of
    similar length; places for which there are not enough pieces stay empty.

    Args:
      pieces: `[num_frames, 88]` each.
      batch_size: pieces per batch.
      seed: seed of the orders.

    Returns:
      The number of batches per epoch, and `batch(i)`, the batch of update i.
    """
    groups = list(_group(pieces).values())
    num_batches = sum(-(-len(group) // batch_size) for group in groups)

    def order(epoch):
        rng = np.random.default_rng((seed, epoch))
        chosen = []
        for index, group in enumerate(groups):
            shuffled = rng.permutation(len(group))
            chosen += [
                (index, shuffled[start : start + batch_size])
                for start in range(0, len(group), batch_size)
            ]
        return [chosen[i] for i in rng.permutation(num_batches)]

    def batch(i):
        epoch, place = divmod(i, num_batches)
        group, members = order(epoch)[place]
        return _pad([groups[group][member] for member in members], batch_size)

    return num_batches, batch


def _group(pieces: Pieces) -> dict[int, Pieces]:
    """Groups pieces by the power of two of steps that they are padded to."""
    groups: dict[int, Pieces] = {}
    for piece in pieces:
        groups.setdefault(_num_steps(piece), []).append(piece)
    return groups


def _num_steps(piece: np.ndarray) -> int:
    return 1 << (len(piece) - 2).bit_length()  # the last frame is not read


def _pad(pieces: Pieces, batch_size: int) -> Batch:
    num_steps = max(map(_num_steps, pieces))
    frames = np.zeros((num_steps + 1, batch_size, pieces[0].shape[1]), bool)
    lengths = np.zeros(batch_size, np.int32)
    for place, piece in enumerate(pieces):
        frames[: len(piece), place] = piece
        lengths[place] = len(piece)
    return Batch(frames, lengths)

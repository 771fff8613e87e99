"""How well a network predicts music, in nats a frame.

Published numbers do not all mean the same. Frame 1 is predicted from nothing and does
not count here. What is left is either pooled over all pieces, so that long ones weigh
more, or taken as a mean of every piece and then of the pieces; this is told apart in
`Nats`.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.music.batches import Batch
from rnnjax import Layer, lengths_to_mask
from rnnjax.base import Array, Params
from rnnjax.masking import zero_masked


class Nats(NamedTuple):
    """Cross entropy of frames 2 and later, in nats a frame.

    Attributes:
      pooled: of all frames of all pieces, as Bai et al. count.
      over_pieces: mean over the pieces of each piece's own mean.
    """

    pooled: float
    over_pieces: float


def summarize(nats: np.ndarray, lengths: np.ndarray) -> Nats:
    """Sums up the pieces in both ways.

    Args:
      nats: `[num_pieces]`, of all frames but the first of each piece.
      lengths: `[num_pieces]`, frames of each piece, at least 2.

    Returns:
      The nats a frame.
    """
    predicted = lengths - 1
    return Nats(float(nats.sum() / predicted.sum()), float((nats / predicted).mean()))


def measure(layer: Layer, params: Params, batches: list[Batch]) -> Nats:
    """Judges a network on whole pieces.

    Args:
      layer: from frames to logits.
      params: its parameters.
      batches: the pieces.

    Returns:
      The nats a frame.
    """
    nats = [np.asarray(_piece_nats(layer, params, batch)) for batch in batches]
    lengths = np.concatenate([batch.lengths for batch in batches])
    return summarize(np.concatenate(nats).astype(np.float64), lengths)


def inputs_and_targets(batch: Batch) -> tuple[Array, Array, Array]:
    """Returns what a network reads, what it is to predict, and where that is real.

    Returns:
      The frames but the last and those but the first, `[T, B, 88]` float32, and the
      mask `[T, B]`.
    """
    frames = jnp.asarray(batch.frames, jnp.float32)
    predicted = jnp.maximum(jnp.asarray(batch.lengths) - 1, 0)
    return frames[:-1], frames[1:], lengths_to_mask(predicted, frames.shape[0] - 1)


def frame_nats(logits: Array, targets: Array, mask: Array) -> Array:
    """Computes the cross entropy of every frame, the sum of its keys'.

    Args:
      logits: `[T, B, 88]`, log-odds that a key is down.
      targets: `[T, B, 88]`, 1 where it is, else 0.
      mask: `[T, B]` bool.

    Returns:
      `[T, B]`, nats; zero at masked steps.
    """
    nats = (jax.nn.softplus(logits) - targets * logits).sum(axis=-1)
    return zero_masked(mask, nats)


@functools.partial(jax.jit, static_argnums=0)
def _piece_nats(layer: Layer, params: Params, batch: Batch) -> Array:
    inputs, targets, mask = inputs_and_targets(batch)
    _, logits = layer.apply(params, None, inputs, mask=mask)
    return frame_nats(logits, targets, mask).sum(axis=0)

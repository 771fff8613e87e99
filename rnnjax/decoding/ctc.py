"""Decoding of connectionist temporal classification: best path, forced alignment."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.ctc import state_gradient
from rnnjax.losses.ctc_lattice import ctc_lattice, sum_alignments
from rnnjax.losses.emissions import check_blank, pack
from rnnjax.losses.semirings import MAX
from rnnjax.masking import check_marks, zero_masked


class BestPath(NamedTuple):
    """The labels of the most probable path of each row.

    Attributes:
      tokens: `[T, ...batch]` int32, zeros after the end.
      lengths: `[...batch]` int32, their number.
      starts: `[T, ...batch]` bool, true at the frames where a label begins.
      log_probs: `[...batch]`, of the path, nats. Other paths have the same labels, so
        those are more probable.
      carry: `[...batch]` int32, to go on with the next frames.
    """

    tokens: Array
    lengths: Array
    starts: Array
    log_probs: Array
    carry: Array


def ctc_greedy(
    logits: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    carry: Array | None = None,
) -> BestPath:
    """Decodes the most probable path: the best label of every frame, collapsed.

    Repeated labels are merged, then blanks are removed. A sequence may be decoded in
    chunks of any size: pass each chunk the `carry` of the one before, and join what
    they return.

    Args:
      logits: `[T, ...batch, V]`, with any values at masked frames.
      blank: index of the blank.
      mask: `[T, ...batch]` bool, true at real frames; None if all are. Masked frames
        are skipped, so a label on both sides of them is one.
      carry: what the chunk before returned; None: there is none.

    Returns:
      The labels.

    Raises:
      ValueError: if shapes or dtypes do not fit, or the blank is not in the vocabulary.

    Example:
      >>> path = jnp.array([3, 3, 0, 3, 1, 1, 0])
      >>> found = ctc_greedy(jax.nn.one_hot(path, 4))
      >>> found.tokens[: found.lengths]
      Array([3, 3, 1], dtype=int32)
      >>> later = ctc_greedy(jax.nn.one_hot(jnp.array([2, 2]), 4), carry=jnp.array(2))
      >>> later.lengths
      Array(0, dtype=int32)
    """
    logits = jnp.asarray(logits)
    check_frames(logits, blank, mask)
    if carry is None:
        carry = jnp.full(logits.shape[1:-1], blank, jnp.int32)
    return _best_path(logits, blank, mask, carry)


@jax.jit
def _best_path(logits, blank, mask, carry):
    logits = zero_masked(mask, logits)
    labels = jnp.argmax(logits, axis=-1).astype(jnp.int32)
    num_steps, *batch = labels.shape
    places = jnp.arange(1, num_steps + 1, dtype=jnp.int32)
    places = places.reshape(-1, *[1] * len(batch))
    real = jnp.ones(labels.shape, bool) if mask is None else mask
    last_real = jax.lax.cummax(jnp.where(real, places, 0))
    last_real = jnp.concatenate([jnp.zeros((1, *batch), jnp.int32), last_real])
    read = jnp.take_along_axis(
        jnp.concatenate([carry[None], labels]), last_real, axis=0
    )
    starts = real & (labels != blank) & (labels != read[:-1])
    order, lengths = pack(starts, labels)
    tokens = jnp.take_along_axis(labels, order, axis=0)
    log_probs = jax.nn.log_softmax(logits).max(axis=-1)
    return BestPath(
        jnp.where(places <= lengths, tokens, 0),
        lengths,
        starts,
        zero_masked(mask, log_probs).sum(axis=0),
        read[-1],
    )


class Alignment(NamedTuple):
    """The most probable alignment of frames and targets.

    Attributes:
      labels: `[T, ...batch]` int32, the label of every frame, or the blank.
      places: `[T, ...batch]` int32, the place of that label among the targets; -1 at
        blanks, masked frames and in rows that are not feasible.
      log_probs: `[...batch]`, of the alignment, nats; -inf in rows not feasible.
      feasible: `[...batch]` bool, whether there is an alignment.
    """

    labels: Array
    places: Array
    log_probs: Array
    feasible: Array


def ctc_align(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
) -> Alignment:
    """Finds the most probable alignment of frames and targets (forced alignment).

    Args:
      logits: `[T, ...batch, V]`, with any values at masked frames.
      targets: `[N, ...batch]` integers, none of them the blank.
      blank: index of the blank.
      mask: `[T, ...batch]` bool, true at real frames; None if all are.
      target_mask: `[N, ...batch]` bool, true at real targets; None if all are.

    Returns:
      The alignment.

    Raises:
      ValueError: see `ctc_loss`.

    Example:
      >>> path = jnp.array([0, 3, 3, 0, 3, 1])
      >>> found = ctc_align(jax.nn.one_hot(path, 4), jnp.array([3, 3, 1]))
      >>> found.places
      Array([-1,  0,  0, -1,  1,  2], dtype=int32)
    """
    lattice = ctc_lattice(
        logits, targets, blank=blank, mask=mask, target_mask=target_mask
    )
    return _best_alignment(lattice, jnp.asarray(targets, jnp.int32), blank)


@jax.jit
def _best_alignment(lattice, targets, blank):
    log_probs = sum_alignments(MAX, lattice)
    taken = state_gradient(MAX, lattice)[..., 1::2] > 0.5
    is_label = taken.any(axis=-1)
    order = jnp.moveaxis(lattice.order, 0, -1)
    places = jnp.where(taken, order, 0).sum(axis=-1, dtype=jnp.int32)
    padded = jnp.concatenate(
        [targets, jnp.zeros_like(targets, shape=(1, *targets.shape[1:]))]
    )
    labels = jnp.take_along_axis(padded, places, axis=0)
    return Alignment(
        jnp.where(is_label, labels, blank),
        jnp.where(is_label, places, -1),
        log_probs,
        log_probs > -jnp.inf,
    )


def check_frames(logits: Array, blank: int, mask: Array | None) -> None:
    """Checks what a decoder reads.

    Raises:
      ValueError: if the logits have no axis of time, the blank is not in the vocabulary
        or the mask does not fit.
    """
    if logits.ndim < 2:
        raise ValueError(f"logits must be [T, ..., V], got shape {logits.shape}.")
    check_blank(blank, logits.shape[-1])
    check_marks("mask", mask, logits.shape[:-1])

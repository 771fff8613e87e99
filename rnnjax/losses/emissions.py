"""What an alignment emits: log-probabilities of a few labels, and targets in order."""

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from rnnjax.base import Array
from rnnjax.losses.semirings import log_sum
from rnnjax.masking import check_marks


def label_log_probs(logits: Array, labels: Array) -> Array:
    """Computes log softmax(logits) at some labels.

    Logits may be -inf: such a label has probability 0 and no gradient. If all of a
    step's are, so have all its labels.

    Args:
      logits: `[..., V]`, of any floating dtype.
      labels: `[..., L]` integers, whose leading axes broadcast against the logits'.

    Returns:
      `[..., L]` in float32 at least; -inf for a label outside the vocabulary.

    Example:
      >>> log_probs = label_log_probs(jnp.zeros((3, 4)), jnp.array([[2, -1]]))
      >>> jnp.exp(log_probs[0])
      Array([0.25, 0.  ], dtype=float32)
    """
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    known = (labels >= 0) & (labels < logits.shape[-1])
    index = jnp.where(known, labels, 0)
    index = jnp.broadcast_to(index, (*logits.shape[:-1], index.shape[-1]))
    total = log_sum(logits, -1)[..., None]
    possible = known & (total > -jnp.inf)
    scores = jnp.take_along_axis(logits, index, axis=-1)
    return jnp.where(possible, scores - jnp.where(possible, total, 0), -jnp.inf)


def pack(mask: Array | None, targets: Array) -> tuple[Array, Array]:
    """Finds the real targets, wherever the padding is.

    Args:
      mask: `[N, ...batch]` bool, true at real targets; None if all are.
      targets: `[N, ...batch]`.

    Returns:
      The places of the targets, the real ones first and in their order,
      `[N, ...batch]` int32, and the number of real ones, `[...batch]` int32.

    Example:
      >>> pack(jnp.array([False, True, False, True]), jnp.array([7, 8, 7, 9]))
      (Array([1, 3, 0, 2], dtype=int32), Array(2, dtype=int32))
    """
    if mask is None:
        places = jnp.arange(targets.shape[0], dtype=jnp.int32)
        places = places.reshape(-1, *[1] * (targets.ndim - 1))
        return (
            jnp.broadcast_to(places, targets.shape),
            jnp.full(targets.shape[1:], targets.shape[0], jnp.int32),
        )
    order = jnp.argsort(~mask, axis=0, stable=True)
    return order.astype(jnp.int32), mask.sum(axis=0, dtype=jnp.int32)


def check_blank(blank: int, vocab_size: int) -> None:
    """Checks the index of the blank.

    Raises:
      ValueError: if it is not in the vocabulary.
    """
    whole = isinstance(blank, int | np.integer) and not isinstance(blank, bool)
    if not whole or not 0 <= blank < vocab_size:
        raise ValueError(f"blank must be from 0 to {vocab_size - 1}, got {blank!r}.")


def check_targets(
    targets: Array,
    batch: tuple[int, ...],
    mask: Array | None,
    blank: int,
    vocab_size: int,
) -> None:
    """Checks targets, and their values where they are known.

    Args:
      targets: `[N, ...batch]` integers.
      batch: the axes of the batch.
      mask: `[N, ...batch]` bool; None if all are real.
      blank: the index that no target may have.
      vocab_size: the number of labels, the blank included.

    Raises:
      ValueError: if the targets are no integers, or not of the batch; if the mask does
        not fit; if a real target is the blank or not in the vocabulary. Values are not
        checked under `jax.jit`.
    """
    if not jnp.issubdtype(targets.dtype, jnp.integer):
        raise ValueError(f"targets must be integers, got {targets.dtype}.")
    if targets.ndim == 0 or targets.shape[1:] != batch:
        shape = ", ".join(["N", *map(str, batch)])
        raise ValueError(
            f"targets must be of shape ({shape}), got shape {targets.shape}."
        )
    check_marks("target_mask", mask, targets.shape)
    if isinstance(targets, Tracer) or isinstance(mask, Tracer):
        return
    real = (
        np.asarray(targets) if mask is None else np.asarray(targets)[np.asarray(mask)]
    )
    outside = real[(real < 0) | (real >= vocab_size)]
    if outside.size:
        raise ValueError(
            f"targets must be from 0 to {vocab_size - 1}, got {outside[0]}."
        )
    if np.any(real == blank):
        raise ValueError(f"targets must not contain the blank, got {blank}.")

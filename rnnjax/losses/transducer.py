"""The recurrent neural network transducer: loss and posteriors.

An alignment is a way through a lattice of frames t and positions u, where u labels
have been emitted before. A blank leads from (t, u) to (t + 1, u), the label y_{u+1}
from (t, u) to (t, u + 1). The way begins at (0, 0) and leaves the last frame at u = U:

    α(t, u) = α(t-1, u) ⊗ blank(t-1, u) ⊕ α(t, u-1) ⊗ label(t, u-1)
    p(y) = α(T, U)

All (t, u) of one diagonal t + u are computed at once.

References:
  Graves, "Sequence Transduction with Recurrent Neural Networks", 2012, section 2.4.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.ctc import AlignmentLoss, negated
from rnnjax.losses.ctc_lattice import divide_by_greatest
from rnnjax.losses.emissions import check_blank, check_targets, label_log_probs, pack
from rnnjax.losses.semirings import LOG
from rnnjax.masking import check_marks, zero_masked


def transducer_loss(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
    infeasible: float = 0.0,
) -> AlignmentLoss:
    """Computes -log p(targets), summed over all alignments of frames and targets.

    Masked frames are skipped, wherever they are, as if the frames around them were
    adjacent. Masked targets are skipped together with the position after them, which
    is where a masked step of the prediction network puts nothing. Any number of targets
    fits any number of frames but none: rows without a real frame have loss 0 if they
    have no target and are not feasible otherwise. See `ctc_loss` for rows that are not.

    All derivatives exist, in both modes and of any order.

    Args:
      logits: `[T, U + 1, ...batch, V]`, at position u those after u targets, with any
        values at masked frames and positions; unnormalized, or log-probabilities.
      targets: `[U, ...batch]` integers, none of them the blank.
      blank: index of the blank in the vocabulary.
      mask: `[T, ...batch]` bool, true at real frames; None if all are.
      target_mask: `[U, ...batch]` bool, true at real targets; None if all are.
      infeasible: the value of rows that are not feasible, such as `jnp.inf`.

    Returns:
      The loss, and where there is one, both `[...batch]`.

    Raises:
      ValueError: if shapes or dtypes do not fit, the blank is not in the vocabulary, or
        a real target is the blank or not in the vocabulary.

    Example:
      One label at any of 3 frames, each with a blank after it: 3 ways of 4 symbols.

      >>> loss = transducer_loss(jnp.zeros((3, 2, 5)), jnp.array([4]))
      >>> f"{jnp.exp(-loss.nats) * 5**4:.3f}"
      '3.000'

    References:
      Graves, "Sequence Transduction with Recurrent Neural Networks", 2012, equations 16
      and 17.
    """
    checked = _checked(logits, targets, blank, mask, target_mask)
    return negated(_log_prob(_emissions(*checked), *checked[1:]), infeasible)


class TransducerPosteriors(NamedTuple):
    """How probable the steps of an alignment are.

    Attributes:
      blank: `[T, U + 1, ...batch]`, of a blank at the frame and position.
      label: `[T, U + 1, ...batch]`, of the next label there.
    """

    blank: Array
    label: Array


def transducer_posteriors(
    logits: Array,
    targets: Array,
    *,
    blank: int = 0,
    mask: Array | None = None,
    target_mask: Array | None = None,
) -> TransducerPosteriors:
    """Computes the probability of every step of the lattice, given the targets.

    Args:
      logits: see `transducer_loss`.
      targets: see `transducer_loss`.
      blank: see `transducer_loss`.
      mask: see `transducer_loss`.
      target_mask: see `transducer_loss`.

    Returns:
      The posteriors. The blanks of a real frame sum to 1 over the positions, the
      labels of a real target's position to 1 over the frames. Padding and rows that
      are not feasible are 0.

    Raises:
      ValueError: see `transducer_loss`.

    Example:
      >>> transducer_posteriors(jnp.zeros((3, 2, 5)), jnp.array([4])).blank * 3
      Array([[2., 1.],
             [1., 2.],
             [0., 3.]], dtype=float32)
    """
    checked = _checked(logits, targets, blank, mask, target_mask)

    def total(emissions):
        log_prob = _log_prob(emissions, *checked[1:])
        return jnp.where(log_prob == -jnp.inf, 0, log_prob).sum()

    gradient = jax.grad(total)(_emissions(*checked))
    return TransducerPosteriors(gradient[..., 0], gradient[..., 1])


def _checked(logits, targets, blank, mask, target_mask):
    logits, targets = jnp.asarray(logits), jnp.asarray(targets)
    if logits.ndim < 3:
        raise ValueError(
            f"logits must be [T, U + 1, ..., V], got shape {logits.shape}."
        )
    frames, positions, *batch, vocab_size = logits.shape
    check_blank(blank, vocab_size)
    check_targets(targets, tuple(batch), target_mask, blank, vocab_size)
    if positions != len(targets) + 1:
        raise ValueError(
            f"logits must have {len(targets) + 1} positions, one more than targets, "
            f"got {positions}."
        )
    check_marks("mask", mask, (frames, *batch))
    mask = jnp.ones((frames, *batch), bool) if mask is None else mask
    return logits, targets, blank, mask, target_mask


@functools.partial(jax.jit, static_argnums=2)
def _emissions(logits, targets, blank, mask, target_mask):
    """Returns `[T, U + 1, ...batch, 2]` log-probabilities of blank and next label."""
    order, num_targets = pack(target_mask, targets)
    real = _real_positions(targets, target_mask)
    logits = zero_masked(mask[:, None] & real, logits)
    ended = jnp.full((1, *targets.shape[1:]), -1, targets.dtype)
    packed = jnp.concatenate([jnp.take_along_axis(targets, order, axis=0), ended])
    read = real.cumsum(axis=0) - 1
    label = jnp.take_along_axis(packed, read, axis=0)
    label = jnp.where((read < num_targets) & (label != blank), label, -1)
    symbols = jnp.stack([jnp.full_like(label, blank), label], axis=-1)
    return jax.checkpoint(label_log_probs)(logits, symbols)


def _real_positions(targets, target_mask):
    """Returns `[U + 1, ...batch]` bool; the position before all targets is real."""
    if target_mask is None:
        target_mask = jnp.ones(targets.shape, bool)
    first = jnp.ones((1, *targets.shape[1:]), bool)
    return jnp.concatenate([first, target_mask])


@functools.partial(jax.jit, static_argnums=2)
def _log_prob(emissions, targets, blank, mask, target_mask):
    """Sums over all alignments."""
    del blank
    num_positions = emissions.shape[1]
    order, num_real = pack(_real_positions(targets, target_mask), targets)
    packed = jnp.take_along_axis(emissions, order[None, ..., None], axis=1)
    blanks, labels = jnp.moveaxis(packed, (-1, 1), (0, -1))
    blanks = jnp.where(mask[..., None], blanks, 0)
    labels = jnp.where(mask[..., None], labels, -jnp.inf)
    is_last = jnp.arange(num_positions) == num_real[..., None] - 1
    at_last = jnp.where(is_last, jnp.zeros((), emissions.dtype), -jnp.inf)
    nothing = jnp.full_like(at_last, -jnp.inf)

    def step(carry, scores):
        blanks, labels = scores
        onwards = LOG.multiply(carry, labels)[..., :-1]
        onwards = jnp.concatenate([nothing[..., :1], onwards], axis=-1)
        (carry,), greatest = divide_by_greatest(
            LOG, LOG.add(LOG.multiply(carry, blanks), onwards)
        )
        return carry, greatest

    first = jnp.where(jnp.arange(num_positions) == 0, 0, nothing)
    diagonals = _diagonals(blanks, at_last), _diagonals(labels, nothing)
    remat = jax.checkpoint(step, prevent_cse=False)
    last, greatest = jax.lax.scan(remat, first, jax.tree.map(LOG.lift, diagonals))
    return LOG.sum(LOG.multiply(last, at_last), -1) + greatest.sum(axis=0)


def _diagonals(scores, after):
    """Returns `[T + U, ..., U + 1]`, at d, u the score of frame d - u at position u.

    Args:
      scores: `[T, ..., U + 1]`.
      after: `[..., U + 1]`, the scores of the frames after the last; those of frames
        before the first are arbitrary.
    """
    num_steps, width = len(scores), scores.shape[-1]
    after = jnp.broadcast_to(after, (width, *after.shape))
    rows = jnp.moveaxis(jnp.concatenate([scores, after]), -1, 0)
    length = num_steps + width
    flat = rows.reshape(width * length, *rows.shape[2:])[: width * (length - 1)]
    return jnp.moveaxis(flat.reshape(width, length - 1, *rows.shape[2:]), 0, -1)

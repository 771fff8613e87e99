"""Cross entropy over sequences, with the two common reductions.

Published learning rates depend on the reduction: the sum over time is `num_steps` times
the mean over steps, and so are its gradients.
"""

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.masking import check_marks, zero_masked


def cross_entropy(logits: Array, targets: Array, mask: Array | None = None) -> Array:
    """Computes the cross entropy of every step, -log softmax(logits)[target].

    Args:
      logits: `[T, ..., vocab_size]`, with any values at masked steps.
      targets: `[T, ...batch]` integers; one outside the vocabulary gives NaN.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[T, ...batch]`, nats; zero at masked steps.

    Raises:
      ValueError: if the targets are not integers of the logits' leading shape, or the
        mask is not bool of that shape.
    """
    shape = logits.shape[:-1]
    targets = jnp.asarray(targets)
    if targets.shape != shape or not jnp.issubdtype(targets.dtype, jnp.integer):
        raise ValueError(
            f"targets must be integers of shape {shape}, "
            f"got {targets.dtype} of shape {targets.shape}."
        )
    check_marks("mask", mask, shape)
    logits, targets = zero_masked(mask, (logits, targets))
    known = (targets >= 0) & (targets < logits.shape[-1])
    chosen = jnp.take_along_axis(
        logits, jnp.where(known, targets, 0)[..., None], axis=-1
    )[..., 0]
    nats = jax.nn.logsumexp(logits, axis=-1) - chosen
    return zero_masked(mask, jnp.where(known, nats, jnp.nan))


def cross_entropy_sum_over_time(
    logits: Array, targets: Array, mask: Array | None = None
) -> Array:
    """Computes the cross entropy summed over the steps, averaged over the batch.

    Args:
      logits: `[T, ..., vocab_size]`.
      targets: `[T, ...batch]` integers.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      A scalar, nats per sequence.

    References:
      Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014:
      its learning rate of 1 and its clipping at 5 are for this sum.
    """
    return cross_entropy(logits, targets, mask).sum(axis=0).mean()


def cross_entropy_mean_over_steps(
    logits: Array, targets: Array, mask: Array | None = None
) -> Array:
    """Computes the cross entropy averaged over all real steps of the batch.

    Args:
      logits: `[T, ..., vocab_size]`.
      targets: `[T, ...batch]` integers.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      A scalar, nats per step; NaN if there is no real step.
    """
    nats = cross_entropy(logits, targets, mask)
    return nats.sum() / (nats.size if mask is None else mask.sum())

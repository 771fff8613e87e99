"""Pooling over the real steps of each sequence."""

import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.masking import check_marks, zero_masked


def last_step(outputs: Array, mask: Array | None = None) -> Array:
    """Returns the outputs of each sequence's last real step.

    Args:
      outputs: `[T, ..., size]`, with any batch shape.
      mask: `[T, ...]` bool, true at real steps, in any place; None if all are.

    Returns:
      `[..., size]`; zeros, and no gradient, for a sequence without a real step.

    Raises:
      ValueError: if the mask is not bool or not of the outputs' shape without features.

    Example:
      >>> outputs = jnp.arange(6.0).reshape(3, 2, 1)
      >>> mask = rnnjax.lengths_to_mask(jnp.array([2, 0]), 3)
      >>> last_step(outputs, mask)
      Array([[2.],
             [0.]], dtype=float32)
    """
    mask = _real_steps(outputs, mask)
    later = jnp.cumsum(mask[::-1], axis=0)[::-1]
    return _sum_over_time(outputs, mask & (later == 1))


def first_step(outputs: Array, mask: Array | None = None) -> Array:
    """Returns the outputs of each sequence's first real step.

    A cell that reads in reverse has seen the whole sequence there.

    Args:
      outputs: see `last_step`.
      mask: see `last_step`.

    Returns:
      `[..., size]`; zeros, and no gradient, for a sequence without a real step.

    Raises:
      ValueError: if the mask is not bool or not of the outputs' shape without features.
    """
    mask = _real_steps(outputs, mask)
    return _sum_over_time(outputs, mask & (jnp.cumsum(mask, axis=0) == 1))


def last_read(outputs: Array, mask: Array | None = None) -> Array:
    """Returns what each direction of a bidirectional layer has read last.

    These are the first half of the features at the last real step, and the second half
    at the first one: each has seen the whole sequence.

    Args:
      outputs: see `last_step`; forward and backward are concatenated, as wide as each
        other.
      mask: see `last_step`.

    Returns:
      `[..., size]`; zeros, and no gradient, for a sequence without a real step.

    Raises:
      ValueError: if the number of features is odd, or the mask is not bool or not of
        the outputs' shape without features.
    """
    size = outputs.shape[-1]
    if size % 2:
        raise ValueError(f"outputs must have two halves, got {size} features.")
    forward, backward = jnp.split(outputs, 2, axis=-1)
    ends = last_step(forward, mask), first_step(backward, mask)
    return jnp.concatenate(ends, axis=-1)


def mean_pool(outputs: Array, mask: Array | None = None) -> Array:
    """Returns the mean over each sequence's real steps.

    Args:
      outputs: see `last_step`.
      mask: see `last_step`.

    Returns:
      `[..., size]`; zeros, and no gradient, for a sequence without a real step.

    Raises:
      ValueError: if the mask is not bool or not of the outputs' shape without features.
    """
    mask = _real_steps(outputs, mask)
    count = jnp.maximum(mask.sum(axis=0), 1)[..., None]
    return _sum_over_time(outputs, mask) / count.astype(outputs.dtype)


def max_pool(outputs: Array, mask: Array | None = None) -> Array:
    """Returns the maximum of each feature over each sequence's real steps.

    Args:
      outputs: see `last_step`.
      mask: see `last_step`.

    Returns:
      `[..., size]`; zeros, and no gradient, for a sequence without a real step. Steps
      that share the maximum share the gradient.

    Raises:
      ValueError: if the mask is not bool or not of the outputs' shape without features.
    """
    mask = _real_steps(outputs, mask)
    lowest = jnp.asarray(-jnp.inf, outputs.dtype)
    greatest = jnp.max(
        jnp.where(mask[..., None], outputs, lowest), axis=0, initial=lowest
    )
    return jnp.where(mask.any(axis=0)[..., None], greatest, 0)


def _real_steps(outputs, mask):
    check_marks("mask", mask, outputs.shape[:-1])
    return jnp.ones(outputs.shape[:-1], bool) if mask is None else jnp.asarray(mask)


def _sum_over_time(outputs, mask):
    return zero_masked(mask, outputs).sum(axis=0)

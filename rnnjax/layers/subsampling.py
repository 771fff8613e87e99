"""Fewer steps: neighbouring steps stacked into one."""

import jax.numpy as jnp

from rnnjax.base import Array, check_positive
from rnnjax.masking import check_marks, pad_time, zero_masked


def stack_steps(
    inputs: Array, factor: int, mask: Array | None = None
) -> tuple[Array, Array | None]:
    """Stacks every `factor` neighbouring steps into one wider step.

        yₜ = [xₖₜ; xₖₜ₊₁; ... xₖₜ₊ₖ₋₁],   k = factor

    Nothing is lost, and the layers after it run over fewer steps. Steps beyond the end
    are zeros, and so are masked ones; a stacked step is real if one of its parts is. A
    sequence may be stacked in chunks, each but the last a multiple of `factor` long.

    Args:
      inputs: `[T, ...batch, D]`.
      factor: k.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[ceil(T / k), ...batch, k D]`, and the mask of these steps, None for None.

    Raises:
      ValueError: if `factor` is not positive, the inputs are not at least `[T, D]`, or
        the mask does not fit.

    Example:
      >>> stack_steps(jnp.arange(5.0)[:, None], 2)[0]
      Array([[0., 1.],
             [2., 3.],
             [4., 0.]], dtype=float32)

    References:
      Sak, Senior, Rao and Beaufays, "Fast and Accurate Recurrent Neural Network
      Acoustic Models for Speech Recognition", Interspeech 2015, section 4, where the
      stacked frames overlap.
    """
    check_positive(factor=factor)
    inputs = jnp.asarray(inputs)
    if inputs.ndim < 2:
        raise ValueError(f"inputs must be [T, ..., D], got shape {inputs.shape}.")
    check_marks("mask", mask, inputs.shape[:-1])
    num_steps, *batch, size = inputs.shape
    inputs = zero_masked(mask, inputs)
    after = -num_steps % factor
    groups = pad_time(inputs, 0, after).reshape(-1, factor, *batch, size)
    stacked = jnp.moveaxis(groups, 1, -2).reshape(-1, *batch, factor * size)
    if mask is not None:
        mask = pad_time(jnp.asarray(mask), 0, after)
        mask = mask.reshape(-1, factor, *batch).any(axis=1)
    return stacked, mask

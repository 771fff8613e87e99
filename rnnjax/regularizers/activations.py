"""Penalties on the size of a layer's outputs and on how fast they change."""

import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.masking import check_marks, zero_masked


def activation_penalty(outputs: Array, mask: Array | None = None) -> Array:
    """Computes activation regularization (AR), the mean square of all activations.

        mean hₜ²

    In the paper h is the output of the last layer after dropout, and the weight is 2.

    Args:
      outputs: `[T, ..., hidden_size]`.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      A scalar; 0 if there is no real step.

    Raises:
      ValueError: if the mask is not bool of the outputs' leading shape.

    References:
      Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models",
      ICLR 2018, section 4.6, which writes a norm; the released code takes this mean.
    """
    check_marks("mask", mask, outputs.shape[:-1])
    squares = zero_masked(mask, outputs) ** 2
    return _mean(squares.mean(axis=-1), mask)


def temporal_activation_penalty(outputs: Array, mask: Array | None = None) -> Array:
    """Computes temporal activation regularization (TAR): fast changes are penalized.

        mean (hₜ - hₜ₋₁)²

    over all pairs of successive real steps. In the paper h is the output of the last
    layer before dropout, and the weight is 1.

    Args:
      outputs: `[T, ..., hidden_size]`.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      A scalar; 0 if there is no such pair.

    Raises:
      ValueError: if the mask is not bool of the outputs' leading shape.

    References:
      Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models",
      ICLR 2018, section 4.6, which writes a norm; the released code takes this mean.
    """
    check_marks("mask", mask, outputs.shape[:-1])
    outputs = zero_masked(mask, outputs)
    pairs = _both_real(mask)
    changes = zero_masked(pairs, outputs[1:] - outputs[:-1])
    return _mean((changes**2).mean(axis=-1), pairs)


def norm_stabilizer(outputs: Array, mask: Array | None = None) -> Array:
    """Computes the mean squared change of the activations' norm per step.

        mean (‖hₜ‖ - ‖hₜ₋₁‖)²

    over all pairs of successive real steps.

    Args:
      outputs: `[T, ..., hidden_size]`; the paper takes the carry h.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      A scalar; 0 if there is no such pair.

    Raises:
      ValueError: if the mask is not bool of the outputs' leading shape.

    Example:
      >>> float(norm_stabilizer(jnp.array([[3.0, 4.0], [0.0, 5.0], [0.0, 7.0]])))
      2.0

    References:
      Krueger and Memisevic, "Regularizing RNNs by Stabilizing Activations", ICLR 2016,
      equation 1, where the first pair includes the initial carry; weights of 50 to
      500.
    """
    check_marks("mask", mask, outputs.shape[:-1])
    squares = (zero_masked(mask, outputs) ** 2).sum(axis=-1)
    # The square root has no derivative at 0, where it is taken to be 0.
    norms = jnp.where(squares > 0, jnp.sqrt(jnp.where(squares > 0, squares, 1)), 0)
    pairs = _both_real(mask)
    return _mean(zero_masked(pairs, norms[1:] - norms[:-1]) ** 2, pairs)


def _both_real(mask):
    return None if mask is None else mask[1:] & mask[:-1]


def _mean(values, mask):
    """Returns the mean of `[T, ...batch]` values, which are zeros where masked."""
    count = values.size if mask is None else mask.sum()
    return values.sum() / jnp.maximum(count, 1)

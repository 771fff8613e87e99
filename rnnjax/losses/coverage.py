"""The loss for attention that reads the same rows again and again."""

import jax.numpy as jnp

from rnnjax.base import Array


def coverage_loss(weights: Array) -> Array:
    """Computes how much of each step's attention goes where it has been before.

        lossₜ = Σᵢ min(αₜᵢ, cₜᵢ),   cₜ = α₁ + ... + αₜ₋₁

    Padding costs nothing: the weights of masked rows and of masked steps are 0.

    Args:
      weights: `[T, ...batch, S]`, as cells show them with `show_weights=True`.

    Returns:
      `[T, ...batch]`, from 0 to 1 where the weights sum to 1; 0 at the first step. Add
      the sum over steps, times a weight (1 in the paper), to the loss.

    Raises:
      ValueError: if the weights have no axes of time and of rows.

    Example:
      >>> weights = jnp.array([[1.0, 0.0], [0.75, 0.25], [0.0, 1.0]])
      >>> coverage_loss(weights)
      Array([0.  , 0.75, 0.25], dtype=float32)

    References:
      See, Liu and Manning, "Get To The Point: Summarization with Pointer-Generator
      Networks", ACL 2017, equation 12.
    """
    weights = jnp.asarray(weights)
    if weights.ndim < 2:
        raise ValueError(f"weights must be [T, ..., S], got shape {weights.shape}.")
    first = jnp.zeros_like(weights[:1])
    before = jnp.concatenate([first, jnp.cumsum(weights, axis=0)[:-1]])
    return jnp.minimum(weights, before).sum(axis=-1)

"""Layer normalization inside a step."""

import jax.numpy as jnp
from jax import lax

from rnnjax.base import Array


def layer_norm(x: Array, scale: Array, epsilon: float) -> Array:
    """Normalizes each vector to mean 0 and variance 1, then multiplies by the gain.

        LN(x; α) = α ∘ (x - μ) / √(σ² + ε)

    Args:
      x: `[..., width]`.
      scale: `[width]`, the gain α.
      epsilon: ε, added to the variance to avoid a division by zero.

    Returns:
      `[..., width]`; the bias that papers add here is left to the caller.

    Example:
      >>> layer_norm(jnp.array([1.0, 3.0]), jnp.array([1.0, 10.0]), 0.0)
      Array([-1., 10.], dtype=float32)

    References:
      Ba, Kiros and Hinton, "Layer Normalization", 2016, equation 4.
    """
    centered = x - x.mean(axis=-1, keepdims=True)
    variance = jnp.square(centered).mean(axis=-1, keepdims=True)
    return scale * centered * lax.rsqrt(variance + epsilon)

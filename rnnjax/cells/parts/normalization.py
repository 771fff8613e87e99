"""Layer normalization within a step."""

import jax.numpy as jnp
from jax import lax

from rnnjax.base import Array


def layer_norm(x: Array, scale: Array, epsilon: float) -> Array:
    """Shifts and scales each vector to mean 0 and variance 1, then by the gains.

        LN(x; α) = α ∘ (x - μ) / √(σ² + ε)

    Args:
      x: `[..., width]`.
      scale: `[width]`, α.
      epsilon: ε, which keeps a vector of equal entries finite.

    Returns:
      `[..., width]`; the bias that papers add here is left to the caller.

    Example:
      >>> layer_norm(jnp.array([1.0, 3.0]), jnp.array([1.0, 10.0]), 0.0)
      Array([-1., 10.], dtype=float32)

    References:
      Ba, Kiros and Hinton, "Layer Normalization", 2016, equation 4.
    """
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = jnp.square(centred).mean(axis=-1, keepdims=True)
    return scale * centred * lax.rsqrt(variance + epsilon)

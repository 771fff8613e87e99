"""Initializers that recurrent cells need beside `jax.nn.initializers`."""

import math

import jax
import jax.numpy as jnp

from rnnjax.base import Array

Initializer = jax.nn.initializers.Initializer


def per_gate(initializer: Initializer, num_gates: int) -> Initializer:
    """Makes an initializer that draws each gate's matrix by itself.

    The gates of a cell stand side by side in one matrix. Drawn as a whole, an
    orthogonal `[H, 4 H]` block would give each gate a mean squared singular value
    of 1/4; drawn one by one, every gate is orthogonal.

    What has less than 32 bits is drawn in float32 and rounded: an orthogonal matrix
    cannot be made in bfloat16.

    Args:
      initializer: draws one gate, `[fan_in, hidden_size]`.
      num_gates: number of gates side by side.

    Returns:
      An initializer of `[fan_in, num_gates * hidden_size]`.
    """

    def init(key, shape, dtype=jnp.float32, out_sharding=None):
        del out_sharding  # cells never place arrays
        *leading, width = shape
        gate_shape = (*leading, width // num_gates)
        keys = jax.random.split(key, num_gates)
        wide = jnp.promote_types(dtype, jnp.float32)
        gates = [initializer(k, gate_shape, wide).astype(dtype) for k in keys]
        return jnp.concatenate(gates, axis=-1)

    return init


def symmetric_uniform(bound: float) -> Initializer:
    """Makes an initializer that draws from the uniform distribution on ±`bound`.

    Raises:
      ValueError: if `bound` is not positive and finite.
    """
    if not 0 < bound < math.inf:
        raise ValueError(f"bound must be positive and finite, got {bound}.")

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        return jax.random.uniform(key, shape, dtype, minval=-bound, maxval=bound)

    return init


def chrono(num_steps: int) -> Initializer:
    """Makes an initializer of a forget gate's bias, for memories of up to `num_steps`.

    A gate of bias b forgets in about 1 + exp(b) steps. Here b = log u with u uniform
    between 1 and `num_steps` - 1.

    Raises:
      ValueError: if `num_steps` is less than 3.

    References:
      Tallec and Ollivier, "Can Recurrent Neural Networks Warp Time?", ICLR 2018,
      section 2; an LSTM's input gate takes -b there.
    """
    if not num_steps > 2:
        raise ValueError(f"num_steps must be more than 2, got {num_steps}.")

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del out_sharding  # cells never place arrays
        wide = jnp.promote_types(dtype, jnp.float32)
        u = jax.random.uniform(key, shape, wide, minval=1, maxval=num_steps - 1)
        return jnp.log(u).astype(dtype)

    return init


def identity(scale: float = 1.0) -> Initializer:
    """Makes an initializer of a square matrix: `scale` on the diagonal, else zero."""

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del key, out_sharding  # cells never place arrays
        return scale * jnp.eye(*shape, dtype=dtype)

    return init

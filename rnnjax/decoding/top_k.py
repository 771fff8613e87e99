"""The largest entries of long rows."""

import jax
import jax.numpy as jnp

from rnnjax.base import Array

_BLOCK_SIZE = 16
_SHORTEST = 2048  # shorter rows gain nothing on a CPU


def top_k(x: Array, k: int) -> tuple[Array, Array]:
    """Returns the k largest entries along the last axis, the largest first.

    A long row is cut into blocks. The k blocks with the largest maxima contain the k
    largest entries, so only those blocks are searched. Of equal entries the first one
    comes first, as in `jax.lax.top_k`.

    Args:
      x: `[..., n]`, not NaN.
      k: number of entries, from 1 to n.

    Returns:
      The entries `[..., k]` and their indices, int32.

    Example:
      >>> values, places = top_k(jnp.array([0.1, 0.5, 0.2, 0.5]), 3)
      >>> places
      Array([1, 3, 2], dtype=int32)
    """
    n = x.shape[-1]
    num_blocks = -(-n // _BLOCK_SIZE)
    if n < _SHORTEST or k * _BLOCK_SIZE * 2 > n:
        values, places = jax.lax.top_k(x, k)
        return values, places
    unused = num_blocks * _BLOCK_SIZE - n
    padding = [(0, 0)] * (x.ndim - 1) + [(0, unused)]
    blocks = jnp.pad(x, padding, constant_values=-jnp.inf)
    blocks = blocks.reshape(*x.shape[:-1], num_blocks, _BLOCK_SIZE)
    _, best = jax.lax.top_k(blocks.max(axis=-1), k)
    best = jnp.sort(best, axis=-1)  # so that the first of equal entries stays first
    within = jnp.take_along_axis(blocks, best[..., None], axis=-2)
    values, places = jax.lax.top_k(within.reshape(*x.shape[:-1], -1), k)
    of_place = jnp.take_along_axis(best, places // _BLOCK_SIZE, axis=-1)
    return values, of_place * _BLOCK_SIZE + places % _BLOCK_SIZE

"""Attention as pure functions, and the reading that most of its forms share."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from rnnjax.attention.memory import Memory
from rnnjax.base import Array, Params


class Attention(NamedTuple):
    """One way to read a memory, as pure functions.

    A memory is laid out batch first here: values `[...batch, S, memory_size]` and mask
    `[...batch, S]`, masked rows zeroed. Its batch axes broadcast against those of the
    query.

    Attributes:
      init: `(key, query_size, memory_size) -> params`.
      prepare: `(params, memory) -> memory`, with `keys`: what does not depend on the
        query, computed once per unroll.
      start: `(params, memory, batch_shape) -> state`, what is carried from one reading
        to the next: leaves `[...batch, ...]` of zeros, or `()` if there is nothing. It
        uses the memory's number of rows but not their contents.
      query: `(params, memory, h) -> query`, affine in h `[..., query_size]`: a vector,
        or energies where these are affine. What is computed here, rather than by
        `read`, has its gradient taken outside the loop by `attend_before`.
      read: `(params, memory, query, state) -> (glimpse, state, weights)`, the glimpse
        `[..., size]`, the new state, and the weights `[..., S]` (`[..., num_heads, S]`
        if there are several heads).
    """

    init: Callable[..., Params]
    prepare: Callable[[Params, Memory], Memory]
    start: Callable[[Params, Memory, tuple[int, ...]], Any]
    query: Callable[[Params, Memory, Array], Any]
    read: Callable[[Params, Memory, Any, Any], tuple[Array, Any, Array]]


def no_state(params: Params, memory: Memory, batch_shape: tuple[int, ...]) -> tuple:
    """The `start` of an attention that carries nothing from reading to reading."""
    del params, memory, batch_shape
    return ()


def masked_softmax(energies: Array, mask: Array | None = None) -> Array:
    """Computes the softmax over real rows.

    Args:
      energies: `[..., S]`.
      mask: `[..., S]` bool, true at real rows; None if all are.

    Returns:
      `[..., S]`, which sum to 1. Masked rows have exactly 0 and no gradient. Without a
      real row all are 0.

    Example:
      >>> masked_softmax(jnp.array([1.0, 1.0, jnp.nan]), jnp.array([True, True, False]))
      Array([0.5, 0.5, 0. ], dtype=float32)
    """
    if mask is None:
        mask = jnp.ones(energies.shape[-1:], bool)
    energies = jnp.where(mask, energies, -jnp.inf)
    highest = jnp.max(
        lax.stop_gradient(energies), axis=-1, keepdims=True, initial=-jnp.inf
    )
    highest = jnp.where(highest == -jnp.inf, 0, highest)
    shares = jnp.exp(energies - highest)
    total = shares.sum(axis=-1, keepdims=True)
    return shares / jnp.where(total == 0, 1, total)


def glimpse_of(weights: Array, values: Array) -> Array:
    """Returns the weighted sum of rows.

    Args:
      weights: `[..., S]`.
      values: `[..., S, size]`; its batch axes broadcast against those of the weights.

    Returns:
      `[..., size]`, in the dtype of the values.
    """
    return jnp.einsum("...s,...sd->...d", weights.astype(values.dtype), values)


def read_by_energies(memory: Memory, energies: Array) -> tuple[Array, Array]:
    """Returns the glimpse and the weights of energies `[..., S]`."""
    weights = masked_softmax(energies, memory.mask)
    return glimpse_of(weights, memory.values), weights


def glimpse_size(attention: Attention, memory_size: int) -> int:
    """Returns the width of what an attention makes of rows of width `memory_size`."""

    def read():
        params = attention.init(jax.random.key(0), memory_size, memory_size)
        memory = attention.prepare(params, Memory(jnp.zeros((1, memory_size))))
        query = attention.query(params, memory, jnp.zeros(memory_size))
        state = attention.start(params, memory, ())
        return attention.read(params, memory, query, state)[0]

    return jax.eval_shape(read).shape[-1]


def has_state(attention: Attention, memory_size: int) -> bool:
    """Returns whether an attention carries something from reading to reading."""

    def start():
        params = attention.init(jax.random.key(0), memory_size, memory_size)
        memory = attention.prepare(params, Memory(jnp.zeros((1, memory_size))))
        return attention.start(params, memory, ())

    return bool(jax.tree.leaves(jax.eval_shape(start)))

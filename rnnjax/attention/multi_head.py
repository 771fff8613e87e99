"""Scaled dot-product attention with several heads."""

import math

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.base import Attention, glimpse_of, masked_softmax, no_state
from rnnjax.attention.content import products
from rnnjax.base import cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.products import matmul


@cached
def multi_head(
    size: int,
    num_heads: int,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Attention:
    """Makes scaled dot-product attention with several heads.

        αᵢₛ = softmax over the real rows of (Qᵢ h)ᵀ (Kᵢ mₛ) / √(size / num_heads)
        c   = O [Σₛ α₁ₛ V₁ mₛ; Σₛ α₂ₛ V₂ mₛ; ...]

    Args:
      size: width of the glimpse, and of the queries, keys and values of all heads side
        by side.
      num_heads: number of heads.
      kernel_init: initializer of Q, K, V and O.
      dtype: dtype of the parameters.

    Returns:
      The attention, over a dict of `query_kernel` Q `[query_size, size]`, `key_kernel`
      K and `value_kernel` V `[memory_size, size]`, and `output_kernel` O
      `[size, size]`. Its weights are `[..., num_heads, S]`.

    Raises:
      ValueError: if a size is not positive, or `size` is no multiple of `num_heads`.

    References:
      Vaswani et al., "Attention Is All You Need", NeurIPS 2017, section 3.2.
    """
    check_positive(size=size, num_heads=num_heads)
    if size % num_heads:
        raise ValueError(
            f"size must be a multiple of num_heads {num_heads}, got {size}."
        )

    def init(key, query_size, memory_size):
        check_positive(query_size=query_size, memory_size=memory_size)
        rows = {"query": query_size, "key": memory_size, "value": memory_size}
        rows["output"] = size
        keys = jax.random.split(key, len(rows))
        return {
            f"{name}_kernel": kernel_init(own_key, (num_rows, size), dtype)
            for own_key, (name, num_rows) in zip(keys, rows.items())
        }

    def by_head(x):
        return x.reshape(*x.shape[:-1], num_heads, size // num_heads)

    def prepare(params, memory):
        keys, values = (
            jnp.swapaxes(by_head(matmul(memory.values, params[name])), -2, -3)
            for name in ("key_kernel", "value_kernel")
        )
        return memory._replace(keys=(keys, values))

    def query(params, memory, h):
        keys, _ = memory.keys
        scale = math.sqrt(size // num_heads)
        return products(by_head(matmul(h, params["query_kernel"])) / scale, keys)

    def read(params, memory, query, state):
        _, values = memory.keys
        mask = None if memory.mask is None else memory.mask[..., None, :]
        weights = masked_softmax(query, mask)
        heads = glimpse_of(weights, values)
        joined = heads.reshape(*heads.shape[:-2], size)
        return matmul(joined, params["output_kernel"]), state, weights

    return Attention(init, prepare, no_state, query, read)

"""Attention by content: rows are weighed by how well they match a query."""

import math

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.base import (
    Attention,
    glimpse_of,
    masked_softmax,
    no_state,
    read_by_energies,
)
from rnnjax.attention.memory import Memory
from rnnjax.base import Array, Params, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.products import matmul


@cached
def additive(
    size: int,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Attention:
    """Makes additive attention.

        eₛ = vᵀ tanh(W h + U mₛ)
        α  = softmax(e) over the real rows
        c  = Σₛ αₛ mₛ

    Luong's concat, vᵀ tanh(W [h; mₛ]), is the same with its W cut into W and U.

    Args:
      size: width of W h and of U mₛ.
      kernel_init: initializer of W, U and v.
      dtype: dtype of the parameters.

    Returns:
      The attention, over a dict of `query_kernel` W `[query_size, size]`, `key_kernel`
      U `[memory_size, size]` and `energy_kernel` v `[size]`.

    Raises:
      ValueError: if `size` is not positive.

    References:
      Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align
      and Translate", ICLR 2015, section 3.1 and appendix A.1.2; Luong, Pham and
      Manning, "Effective Approaches to Attention-based Neural Machine Translation",
      EMNLP 2015, equation 8.
    """
    check_positive(size=size)

    def init(key, query_size, memory_size):
        return additive_init(key, query_size, memory_size, size, kernel_init, dtype)

    def prepare(params, memory):
        return memory._replace(keys=matmul(memory.values, params["key_kernel"]))

    def read(params, memory, query, state):
        energies = additive_energies(params, memory.keys + query[..., None, :])
        glimpse, weights = read_by_energies(memory, energies)
        return glimpse, state, weights

    return Attention(init, prepare, no_state, additive_query, read)


def additive_init(
    key: Array,
    query_size: int,
    memory_size: int,
    size: int,
    kernel_init: Initializer,
    dtype: jax.typing.DTypeLike,
) -> dict[str, Array]:
    """Draws the parameters that all additive attentions have, see `additive`."""
    check_positive(query_size=query_size, memory_size=memory_size)
    query_key, memory_key, energy_key = jax.random.split(key, 3)
    return {
        "query_kernel": kernel_init(query_key, (query_size, size), dtype),
        "key_kernel": kernel_init(memory_key, (memory_size, size), dtype),
        "energy_kernel": kernel_init(energy_key, (size, 1), dtype)[:, 0],
    }


def additive_query(params: Params, memory: Memory, h: Array) -> Array:
    """Computes W h."""
    del memory
    return matmul(h, params["query_kernel"])


def additive_energies(params: Params, pre: Array) -> Array:
    """Computes vᵀ tanh(pre), `[..., S]`, of `[..., S, size]`."""
    return (jnp.tanh(pre) * params["energy_kernel"]).sum(axis=-1)


@cached
def dot() -> Attention:
    """Makes dot-product attention.

        eₛ = hᵀ mₛ
        α  = softmax(e) over the real rows
        c  = Σₛ αₛ mₛ

    Returns:
      The attention, without parameters.

    Raises:
      ValueError: in `init`, if queries and rows differ in their width.

    References:
      Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine
      Translation", EMNLP 2015, equation 8.
    """

    def init(key, query_size, memory_size):
        del key
        check_positive(query_size=query_size, memory_size=memory_size)
        if query_size != memory_size:
            raise ValueError(
                f"memory_size must be {query_size}, the width of the query, for a dot "
                f"product without a matrix, got {memory_size}."
            )
        return {}

    def prepare(params, memory):
        return memory

    def query(params, memory, h):
        return _products(h, memory.values)

    return Attention(init, prepare, no_state, query, _read_by_query)


@cached
def general(
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Attention:
    """Makes bilinear attention, Luong's general.

        eₛ = hᵀ W mₛ
        α  = softmax(e) over the real rows
        c  = Σₛ αₛ mₛ

    W mₛ is computed once per unroll.

    Args:
      kernel_init: initializer of W.
      dtype: dtype of the parameters.

    Returns:
      The attention, over a dict of `key_kernel` Wᵀ `[memory_size, query_size]`.

    References:
      Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine
      Translation", EMNLP 2015, equation 8.
    """

    def init(key, query_size, memory_size):
        check_positive(query_size=query_size, memory_size=memory_size)
        return {"key_kernel": kernel_init(key, (memory_size, query_size), dtype)}

    def prepare(params, memory):
        return memory._replace(keys=matmul(memory.values, params["key_kernel"]))

    def query(params, memory, h):
        return _products(h, memory.keys)

    return Attention(init, prepare, no_state, query, _read_by_query)


def _products(h, keys):
    """Computes the energies `[..., S]`, the products of h with each key."""
    return jnp.einsum("...a,...sa->...s", h, keys)


def _read_by_query(params, memory, query, state):
    """Reads where the query is made of the energies."""
    glimpse, weights = read_by_energies(memory, query)
    return glimpse, state, weights


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
        return _products(by_head(matmul(h, params["query_kernel"])) / scale, keys)

    def read(params, memory, query, state):
        _, values = memory.keys
        mask = None if memory.mask is None else memory.mask[..., None, :]
        weights = masked_softmax(query, mask)
        heads = glimpse_of(weights, values)
        joined = heads.reshape(*heads.shape[:-2], size)
        return matmul(joined, params["output_kernel"]), state, weights

    return Attention(init, prepare, no_state, query, read)

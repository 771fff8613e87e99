"""Attention by content: rows are weighed by how well they match a query."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.base import Attention, no_state, read_by_energies
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
    """Computes vᵀ tanh(pre), `[..., S]`, of `[..., S, size]`.

    On a CPU the product of a matrix and a vector is faster than a sum of products,
    for which v is written out for every row.
    """
    return jnp.einsum("...a,a->...", jnp.tanh(pre), params["energy_kernel"])


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
        return products(h, memory.values)

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
        return products(h, memory.keys)

    return Attention(init, prepare, no_state, query, _read_by_query)


@cached
def uniform() -> Attention:
    """Makes an attention that looks nowhere in particular.

        α = 1/n for each of n real rows
        c = the mean of the real rows

    With `attend_before` the cell reads the same vector at every step, such as what an
    image is as a whole.

    Returns:
      The attention, without parameters.

    References:
      Tanti, Gatt and Camilleri, "Where to put the Image in an Image Caption Generator",
      Natural Language Engineering 2018, the par-inject architecture.
    """

    def init(key, query_size, memory_size):
        del key
        check_positive(query_size=query_size, memory_size=memory_size)
        return {}

    def prepare(params, memory):
        return memory

    def query(params, memory, h):
        return jnp.zeros((*h.shape[:-1], memory.values.shape[-2]), h.dtype)

    return Attention(init, prepare, no_state, query, _read_by_query)


def products(h: Array, keys: Array) -> Array:
    """Computes the products `[..., S]` of h with each key `[..., S, size]`."""
    return jnp.einsum("...a,...sa->...s", h, keys)


def _read_by_query(params, memory, query, state):
    """Reads where the query is made of the energies."""
    glimpse, weights = read_by_energies(memory, query)
    return glimpse, state, weights

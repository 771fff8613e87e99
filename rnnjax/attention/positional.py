"""Attention that knows where it was: its state is carried from step to step."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.base import Attention, glimpse_of, read_by_energies
from rnnjax.attention.content import additive_energies, additive_init, additive_query
from rnnjax.base import cached, check_positive
from rnnjax.cells.parts.convolution import convolve
from rnnjax.initializers import Initializer
from rnnjax.products import matmul, split


@cached
def location_aware(
    size: int,
    width: int,
    num_filters: int,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Attention:
    """Makes additive attention that also reads its previous weights.

        fₜ  = F * αₜ₋₁
        eₜₛ = vᵀ tanh(W h + V mₛ + U fₜₛ + b)
        αₜ  = softmax(eₜ) over the real rows
        cₜ  = Σₛ αₜₛ mₛ

    F * α is a convolution along the rows, centred, with zeros beyond both ends. The
    state is αₜ₋₁, at first zeros.

    Args:
      size: width of the vectors in tanh.
      width: number of neighbouring rows that F reads; one of an even width reaches one
        row further ahead than back.
      num_filters: number of filters.
      kernel_init: initializer of W, V, v, F and U.
      bias_init: initializer of b.
      dtype: dtype of the parameters.

    Returns:
      The attention, over a dict of `query_kernel` W `[query_size, size]`, `key_kernel`
      V `[memory_size, size]`, `energy_kernel` v `[size]`, `filter_kernel` F
      `[width, 1, num_filters]`, `location_kernel` U `[num_filters, size]` and `bias` b
      `[size]`.

    Raises:
      ValueError: if a size is not positive.

    References:
      Chorowski, Bahdanau, Serdyuk, Cho and Bengio, "Attention-Based Models for Speech
      Recognition", NeurIPS 2015, equations 8 and 9. Their sharpening and smoothing of
      the softmax is left out.
    """
    check_positive(size=size, width=width, num_filters=num_filters)

    def init(key, query_size, memory_size):
        keys = jax.random.split(key, 4)
        params = additive_init(
            keys[0], query_size, memory_size, size, kernel_init, dtype
        )
        filters = kernel_init(keys[1], (width, num_filters), dtype)
        return params | {
            "filter_kernel": filters[:, None],
            "location_kernel": kernel_init(keys[2], (num_filters, size), dtype),
            "bias": bias_init(keys[3], (size,), dtype),
        }

    def read(params, memory, query, state):
        located = convolve(
            state[..., None], params["filter_kernel"], spatial_shape=state.shape[-1:]
        )
        pre = memory.keys + query[..., None, :]
        pre += matmul(located, params["location_kernel"])
        glimpse, weights = read_by_energies(memory, additive_energies(params, pre))
        return glimpse, weights, weights

    return Attention(init, _biased_keys, _zero_for_each_row, additive_query, read)


@cached
def coverage(
    size: int,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Attention:
    """Makes additive attention that also reads how much each row was read before.

        gₜ  = α₁ + ... + αₜ₋₁
        eₜₛ = vᵀ tanh(W h + V mₛ + u gₜₛ + b)
        αₜ  = softmax(eₜ) over the real rows
        cₜ  = Σₛ αₜₛ mₛ

    The state is gₜ, at first zeros.

    Args:
      size: width of the vectors in tanh.
      kernel_init: initializer of W, V, v and u.
      bias_init: initializer of b.
      dtype: dtype of the parameters.

    Returns:
      The attention, over a dict of `query_kernel` W `[query_size, size]`, `key_kernel`
      V `[memory_size, size]`, `energy_kernel` v, `coverage_kernel` u and `bias` b
      `[size]`.

    Raises:
      ValueError: if `size` is not positive.

    References:
      See, Liu and Manning, "Get To The Point: Summarization with Pointer-Generator
      Networks", ACL 2017, equations 10 and 11.
    """
    check_positive(size=size)

    def init(key, query_size, memory_size):
        keys = jax.random.split(key, 3)
        params = additive_init(
            keys[0], query_size, memory_size, size, kernel_init, dtype
        )
        return params | {
            "coverage_kernel": kernel_init(keys[1], (1, size), dtype)[0],
            "bias": bias_init(keys[2], (size,), dtype),
        }

    def read(params, memory, query, state):
        pre = memory.keys + query[..., None, :]
        pre += state[..., None] * params["coverage_kernel"]
        glimpse, weights = read_by_energies(memory, additive_energies(params, pre))
        return glimpse, state + weights, weights

    return Attention(init, _biased_keys, _zero_for_each_row, additive_query, read)


def _biased_keys(params, memory):
    keys = matmul(memory.values, params["key_kernel"]) + params["bias"]
    return memory._replace(keys=keys)


def _zero_for_each_row(params, memory, batch_shape):
    num_rows = memory.values.shape[-2]
    return jnp.zeros((*batch_shape, num_rows), params["energy_kernel"].dtype)


@cached
def window(
    num_components: int,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Attention:
    """Makes Graves' soft window, which only moves ahead.

        (α̂, β̂, κ̂) = W h + b
        α, β, κₜ  = exp(α̂), exp(β̂), κₜ₋₁ + exp(κ̂)
        φₜₛ       = Σₖ αₖ exp(-βₖ (κₜₖ - s)²)      s = 1 ... S
        cₜ        = Σₛ φₜₛ mₛ over the real rows

    The weights φ are not normalized: they need not sum to 1. A masked row counts as a
    place that has nothing. The state is κ, at first zeros.

    Args:
      num_components: number of components k.
      kernel_init: initializer of W.
      bias_init: initializer of b: the last third, negative, lets κ begin slowly.
      dtype: dtype of the parameters.

    Returns:
      The attention, over a dict of `kernel` Wᵀ `[query_size, 3 * num_components]` and
      `bias` b `[3 * num_components]`.

    Raises:
      ValueError: if `num_components` is not positive.

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 46
      to 51.
    """
    check_positive(num_components=num_components)

    def init(key, query_size, memory_size):
        check_positive(query_size=query_size, memory_size=memory_size)
        kernel_key, bias_key = jax.random.split(key)
        shape = query_size, 3 * num_components
        return {
            "kernel": kernel_init(kernel_key, shape, dtype),
            "bias": bias_init(bias_key, shape[1:], dtype),
        }

    def prepare(params, memory):
        return memory

    def start(params, memory, batch_shape):
        return jnp.zeros((*batch_shape, num_components), params["kernel"].dtype)

    def query(params, memory, h):
        return matmul(h, params["kernel"]) + params["bias"]

    def read(params, memory, query, state):
        heights, precisions, steps = split(jnp.exp(query), 3)
        places = state + steps
        rows = jnp.arange(1, memory.values.shape[-2] + 1, dtype=places.dtype)
        distances = (places[..., None] - rows) ** 2
        parts = heights[..., None] * jnp.exp(-precisions[..., None] * distances)
        weights = parts.sum(axis=-2)
        if memory.mask is not None:
            weights = jnp.where(memory.mask, weights, 0)
        return glimpse_of(weights, memory.values), places, weights

    return Attention(init, prepare, start, query, read)

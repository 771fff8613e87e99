"""Luong's attention without feeding: a layer, over all steps at once."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.base import Attention, glimpse_size, has_state
from rnnjax.attention.memory import batch_first, check_batch
from rnnjax.base import Layer, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import pointwise
from rnnjax.products import matmul


@cached
def attention_layer(
    attention: Attention,
    memory_size: int,
    output_size: int,
    *,
    show_weights: bool = False,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer that reads a memory at each step, for use after any other.

        cₜ = attention(xₜ, memory)
        yₜ = tanh(K [cₜ; xₜ])

    No step depends on another: all are computed at once, and streaming gives the same.

    Args:
      attention: how to attend; it must have no state.
      memory_size: width of the memory's rows.
      output_size: width of y.
      show_weights: whether the outputs are a dict of `outputs` y and `weights`.
      kernel_init: initializer of K.
      dtype: dtype of K, of the memory and of the outputs.

    Returns:
      The layer, over a dict of `attention`, `memory`, None until one is bound by
      `bind_memory`, and `output_kernel` Kᵀ `[size + input_size, output_size]`; its
      carry is `()`.

    Raises:
      ValueError: if a size is not positive, or the attention has a state; in `apply`,
        if no memory is bound, or it does not fit.

    Example:
      >>> from rnnjax.attention import Memory, bind_memory, general
      >>> decoder = rnnjax.stack(
      ...     rnnjax.recurrent(rnnjax.lstm(4)), attention_layer(general(), 2, 5)
      ... )
      >>> params = decoder.init(jax.random.key(0), 3)
      >>> bound = bind_memory(params, Memory(jnp.ones((6, 2))))
      >>> decoder.apply(bound, None, jnp.ones((7, 3)))[1].shape
      (7, 5)

    References:
      Luong, Pham and Manning, "Effective Approaches to Attention-based Neural Machine
      Translation", EMNLP 2015, equation 5.
    """
    check_positive(memory_size=memory_size, output_size=output_size)
    if has_state(attention, memory_size):
        raise ValueError(
            "attention must have no state to read at all steps at once, got one that "
            "carries it from step to step: use attend_after."
        )
    size = glimpse_size(attention, memory_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        attention_key, output_key = jax.random.split(key)
        shape = size + input_size, output_size
        return {
            "attention": attention.init(attention_key, input_size, memory_size),
            "memory": None,
            "output_kernel": kernel_init(output_key, shape, dtype),
        }

    def read(params, inputs):
        own, kernel = params["attention"], params["output_kernel"]
        inputs = inputs.astype(kernel.dtype)
        memory = batch_first(params["memory"], memory_size, kernel.dtype)
        check_batch(memory, inputs.shape[1:-1])
        memory = attention.prepare(own, memory)
        query = attention.query(own, memory, inputs)
        glimpse, _, weights = attention.read(own, memory, query, ())
        joined = jnp.concatenate([glimpse, inputs], axis=-1)
        outputs = jnp.tanh(matmul(joined, kernel))
        return {"outputs": outputs, "weights": weights} if show_weights else outputs

    return pointwise(init, read)

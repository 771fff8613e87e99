"""A pointer: outputs that choose among the rows of a memory."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.attention.content import (
    additive_energies,
    additive_init,
)
from rnnjax.attention.memory import Memory, batch_first, check_batch
from rnnjax.base import Array, Layer, Params, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import pointwise
from rnnjax.products import matmul


@cached
def pointer(
    size: int,
    memory_size: int,
    *,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer whose logits are over the rows of a memory.

        uₜₛ = vᵀ tanh(W xₜ + U mₛ)

    The logit of a masked row is -inf, so it is never chosen, whatever it holds. Where
    no row is real all are zeros.

    Args:
      size: width of W x and of U m.
      memory_size: width of the memory's rows.
      kernel_init: initializer of W, U and v.
      dtype: dtype of the parameters, hence of the logits.

    Returns:
      The layer, over a dict of `attention`, the parameters of `additive`, and `memory`,
      None until one is bound by `bind_memory`; its carry is `()`.

    Raises:
      ValueError: if a size is not positive; in `apply`, if no memory is bound, or it
        does not fit.

    Example:
      >>> from rnnjax.attention import Memory, bind_memory
      >>> layer = pointer(4, memory_size=2)
      >>> params = layer.init(jax.random.key(0), 3)
      >>> rows, mask = jnp.ones((3, 2)), jnp.array([True, True, False])
      >>> _, logits = layer.apply(
      ...     bind_memory(params, Memory(rows, mask)), None, jnp.ones((1, 3))
      ... )
      >>> jax.nn.softmax(logits)
      Array([[0.5, 0.5, 0. ]], dtype=float32)

    References:
      Vinyals, Fortunato and Jaitly, "Pointer Networks", NeurIPS 2015, equation 3.
    """
    check_positive(size=size, memory_size=memory_size)

    def init(key, input_size):
        return {
            "attention": additive_init(
                key, input_size, memory_size, size, kernel_init, dtype
            ),
            "memory": None,
        }

    def logits(params, inputs):
        own = params["attention"]
        memory = batch_first(params["memory"], memory_size, own["key_kernel"].dtype)
        energies = pointing_energies(own, memory, inputs)
        is_any = jnp.any(energies > -jnp.inf, axis=-1, keepdims=True)
        return jnp.where(is_any, energies, 0)

    return pointwise(init, logits)


def pointing_energies(params: Params, memory: Memory, inputs: Array) -> Array:
    """Computes how well every row of a memory matches every step.

    Args:
      params: those of `additive`.
      memory: laid out batch first, see `batch_first`.
      inputs: `[T, ...batch, input_size]`.

    Returns:
      `[T, ...batch, S]`; -inf at masked rows.

    Raises:
      ValueError: if the memory's batch does not fit the inputs'.
    """
    check_batch(memory, inputs.shape[1:-1])
    keys = matmul(memory.values, params["key_kernel"])
    query = matmul(inputs.astype(keys.dtype), params["query_kernel"])
    energies = additive_energies(params, keys + query[..., None, :])
    mask = True if memory.mask is None else memory.mask
    return jnp.where(mask, energies, -jnp.inf)

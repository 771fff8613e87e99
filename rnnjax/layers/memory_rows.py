"""Numbers of rows as the rows of a memory: what was pointed at is read."""

import jax.numpy as jnp

from rnnjax.attention.memory import Memory, batch_first, check_batch
from rnnjax.base import Layer, cached, check_positive
from rnnjax.layers.causal import pointwise


@cached
def memory_rows(memory_size: int) -> Layer:
    """Makes a layer that reads numbers `[T, ...]` as rows of a memory.

        yₜ = m_{xₜ}

    A decoder that ends in `pointer` begins with it, so that each of its steps reads the
    row that the last one has chosen.

    Args:
      memory_size: width of the memory's rows.

    Returns:
      The layer, over a dict of `memory`, None until one is bound by `bind_memory`; its
      `input_size` has no effect. The outputs have the memory's dtype. A number outside
      the memory gives NaN, that of a masked row zeros.

    Raises:
      ValueError: if `memory_size` is not positive; in `apply`, if the inputs are not
        integers, no memory is bound, or it does not fit.

    Example:
      >>> from rnnjax.attention import Memory, bind_memory
      >>> layer = memory_rows(2)
      >>> memory = Memory(jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
      >>> params = bind_memory(layer.init(jax.random.key(0), 3), memory)
      >>> layer.apply(params, None, jnp.array([2, 0]))[1]
      Array([[5., 6.],
             [1., 2.]], dtype=float32)

    References:
      Vinyals, Fortunato and Jaitly, "Pointer Networks", NeurIPS 2015, section 2.3.
    """
    check_positive(memory_size=memory_size)

    def init(key, input_size):
        del key, input_size
        return {"memory": None}

    def rows(params, numbers):
        if not jnp.issubdtype(numbers.dtype, jnp.integer):
            raise ValueError(f"inputs must be integers, got {numbers.dtype}.")
        memory = params["memory"]
        dtype = memory.values.dtype if isinstance(memory, Memory) else jnp.float32
        memory = batch_first(memory, memory_size, dtype)
        check_batch(memory, numbers.shape[1:])
        shape = numbers.shape[1:] + memory.values.shape[-2:]
        values = jnp.broadcast_to(memory.values, shape)
        taken = jnp.where(numbers < 0, shape[-2], numbers)  # no counting from the end
        return jnp.take_along_axis(
            values[None], taken[..., None, None], axis=-2, mode="fill"
        )[..., 0, :]

    return pointwise(init, rows, input_ndim=0)

"""What attention reads, and how it is bound to parameters."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Array, Params, serializable
from rnnjax.masking import check_marks, zero_masked


@serializable
class Memory(NamedTuple):
    """Rows to attend to: the states of an encoder, the places of an image.

    Attributes:
      values: `[S, ...batch, memory_size]`, the rows. A memory without batch axes, or
        with fewer of them than the inputs, is shared along the others.
      mask: `[S, ...batch]` bool, true at real rows; None if all are. Nothing that
        stands in the others is seen, NaN included.
      keys: what `Attention.prepare` computes from the rows, once per unroll. Leave it
        None.
    """

    values: Array
    mask: Array | None = None
    keys: Any = None


@jax.tree_util.register_static
class _AnyMemory:
    """Stands for a memory where only shapes are computed."""


_ANY_MEMORY = _AnyMemory()


def bind_memory(params: Params, memory: Memory) -> Params:
    """Returns parameters in which a memory stands wherever one is read.

    The memory is data, not a parameter: keep, train and save the parameters as `init`
    made them, and bind inside the function that is compiled or differentiated. A
    memory that was bound before is replaced.

    Args:
      params: the parameters of a cell or a layer that attends, or any pytree of dicts
        that contains them, such as those of a `stack`.
      memory: the memory. All attention in `params` reads it.

    Returns:
      The parameters, with `memory` at each entry of that name.

    Raises:
      ValueError: if the values are not floating or have no axis of rows before the
        last, if the mask is not bool or not of the values' shape without the last axis,
        or if nothing in `params` reads a memory.

    Example:
      >>> from rnnjax.attention import additive, attend_before
      >>> cell = attend_before(rnnjax.gru(4), additive(5), memory_size=2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> memory = Memory(jnp.ones((6, 2)))
      >>> bound = bind_memory(params, memory)
      >>> carry, outputs = rnnjax.unroll(cell, bound, jnp.ones((7, 3)))
      >>> outputs[0, 4:]  # the glimpse follows h; equal rows have themselves as mean
      Array([1., 1.], dtype=float32)
    """
    check_memory(memory)
    if not reads_memory(params):
        raise ValueError(
            "params must be those of a cell or layer that reads a memory, got none "
            "with an entry for it."
        )
    return _put(params, memory)


def reads_memory(params: Params) -> bool:
    """Returns whether anything in parameters has an entry for a memory."""
    return any(map(_reads_memory, jax.tree.leaves(params, is_leaf=_reads_memory)))


def bind_any_memory(params: Params) -> Params:
    """Lets the shapes of outputs be found while no memory is bound, as `stack` does."""
    return _put(params, _ANY_MEMORY)


def _put(params, memory):
    def fill(node):
        if not _reads_memory(node):
            return node
        return {
            name: memory if name == "memory" else _put(own, memory)
            for name, own in node.items()
        }

    return jax.tree.map(fill, params, is_leaf=_reads_memory)


def _reads_memory(node):
    if not isinstance(node, Mapping) or "memory" not in node:
        return False
    return node["memory"] is None or isinstance(node["memory"], Memory)


def check_memory(memory: Memory) -> None:
    """Checks the shapes and dtypes of a memory.

    Raises:
      ValueError: see `bind_memory`.
    """
    shape, dtype = jnp.shape(memory.values), jnp.result_type(memory.values)
    if len(shape) < 2 or not jnp.issubdtype(dtype, jnp.floating):
        raise ValueError(
            "memory must have floating values [S, ...batch, memory_size], "
            f"got {dtype} of shape {shape}."
        )
    check_marks("mask", memory.mask, shape[:-1])


def batch_first(memory: Memory | None, memory_size: int, dtype: Any) -> Memory:
    """Lays a bound memory out for reading: `[...batch, S, memory_size]`.

    Args:
      memory: `params["memory"]`.
      memory_size: width that its rows must have.
      dtype: of the values returned.

    Returns:
      The memory, masked rows zeroed, with the batch axes first in values and mask.

    Raises:
      ValueError: if no memory is bound, or it is not of that width.
    """
    if isinstance(memory, _AnyMemory):
        return Memory(jnp.zeros((1, memory_size), dtype))
    if memory is None:
        raise ValueError(
            "memory must be bound to the parameters by bind_memory, got None."
        )
    check_memory(memory)
    values, mask = jnp.asarray(memory.values), memory.mask
    if values.shape[-1] != memory_size:
        raise ValueError(
            f"memory must have rows of width memory_size {memory_size}, "
            f"got values of shape {values.shape}."
        )
    values = zero_masked(mask, values).astype(dtype)
    if mask is not None:
        mask = jnp.moveaxis(jnp.asarray(mask), 0, -1)
    return Memory(jnp.moveaxis(values, 0, -2), mask)


def check_batch(memory: Memory, batch_shape: tuple[int, ...]) -> None:
    """Checks the batch axes of a memory, laid out for reading, against the inputs'.

    Raises:
      ValueError: if they do not broadcast to `batch_shape`.
    """
    own = memory.values.shape[:-2]
    try:
        fits = np.broadcast_shapes(own, batch_shape) == tuple(batch_shape)
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"memory must have batch axes that broadcast to {tuple(batch_shape)}, "
            f"got {own}."
        )

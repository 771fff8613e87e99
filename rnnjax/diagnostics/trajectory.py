"""The trajectory of the carry, and carries as vectors."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from rnnjax.base import Array, Carry, Cell, Params, batch_shape, prepared
from rnnjax.engines.scan import scan
from rnnjax.unroll import unroll


def carries_read(
    cell: Cell, params: Params, inputs: Any, *, carry: Carry | None = None
) -> Carry:
    """Returns the carry that every step reads.

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      carry: the carry that the first step reads; None: the initial one.

    Returns:
      A carry with an axis of time before the batch, `[T, ...batch, ...]`: entry t is
      the carry before step t.

    Example:
      >>> adder = rnnjax.Cell(
      ...     lambda key, input_size: {},
      ...     lambda params, batch_shape=(): jnp.zeros((*batch_shape, 1)),
      ...     lambda params, carry, inputs: (carry + inputs, carry + inputs),
      ... )
      >>> carries_read(adder, {}, jnp.array([[1.0], [2.0], [4.0]]))[:, 0]
      Array([0., 1., 3.], dtype=float32)
    """

    def step(params, carry, inputs):
        return cell.step(params, carry, inputs)[0], carry

    reading = cell._replace(step=step, factors=None)
    return unroll(reading, params, inputs, carry=carry, engine=scan)[1]


def part_floating(tree: Any) -> tuple[list[Array], Callable[[list[Array]], Any]]:
    """Separates the floating leaves of a pytree from the rest.

    Args:
      tree: a pytree of arrays.

    Returns:
      The floating leaves, and a function that puts such a list back.
    """
    leaves, treedef = jax.tree.flatten(tree)
    floating = [jnp.issubdtype(jnp.result_type(x), jnp.floating) for x in leaves]

    def put_back(floats):
        own = iter(floats)
        return treedef.unflatten(
            [next(own) if is_own else x for is_own, x in zip(floating, leaves)]
        )

    return [x for is_own, x in zip(floating, leaves) if is_own], put_back


def as_vector(carry: Carry) -> tuple[Array, Callable[[Array], Carry]]:
    """Concatenates the floating leaves of a carry without batch axes to a vector.

    Args:
      carry: the carry of one sequence.

    Returns:
      `[size]`, in the order of `jax.tree.leaves`, and the inverse function.
    """
    floats, put_back = part_floating(carry)
    vector, unravel = ravel_pytree(floats)
    return vector, lambda vector: put_back(unravel(vector))


def over_batch(
    function: Callable[..., Any], cell: Cell, inputs: Any
) -> Callable[..., Any]:
    """Maps a function of one step of one sequence over time and batch.

    Args:
      function: takes arrays without axes of time and batch.
      cell: the cell that reads the inputs.
      inputs: `[T, ...batch, ...]`, which determine the rank of the batch.

    Returns:
      The function over arrays `[T, ...batch, ...]`.
    """
    for _ in range(1 + len(batch_shape(inputs, cell.input_ndim))):
        function = jax.vmap(function)
    return function


def vector_step(cell: Cell, params: Params) -> Callable[[Array, Carry, Any], Array]:
    """Returns a step of one sequence as a function of a vector.

    Args:
      cell: the cell.
      params: its parameters.

    Returns:
      `(vector, carry, inputs) -> vector`: the floating leaves of the carry come from
      the vector, the others, such as counters, from `carry`.
    """
    params = prepared(cell, params)

    def step(vector, carry, inputs):
        _, put_back = as_vector(carry)
        return as_vector(cell.step(params, put_back(vector), inputs)[0])[0]

    return step

"""The front door: one cell over a sequence."""

import functools
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Cell, Engine, Params, batch_shape, prepared
from rnnjax.engines.hoisted import hoisted
from rnnjax.masking import check_marks, computing_order, zero_masked
from rnnjax.parameters import check_params
from rnnjax.placement import describe, place_carry, place_like


def unroll(
    cell: Cell,
    params: Params,
    inputs: Any,
    *,
    carry: Carry | None = None,
    mask: Array | None = None,
    is_first: Array | None = None,
    reverse: bool = False,
    engine: Engine = hoisted,
) -> tuple[Carry, Any]:
    """Runs a cell over a sequence.

    A masked step keeps the carry and outputs zeros, whatever its inputs hold, NaN
    included. So padding may be anywhere, a reversed sequence needs no flipping, and a
    sequence of length 0 ends with the carry it began with.

    The parameters are compared, by structure, shape and kind of dtype, with those that
    `cell.init` makes for inputs of this size. This happens while tracing and costs
    nothing afterwards. Axes that depend on the input size are not compared if the
    inputs are tokens or several arrays. A cell of your own is not checked if its `init`
    is None, returns no parameters or cannot be traced as `init(key, input_size)`.

    Args:
      cell: the cell to run.
      params: its parameters.
      inputs: one array or a pytree of arrays `[T, ..., input_size]`, time first, any
        batch shape between.
      carry: the carry before the first computed step; None: the initial one. A carry
        that `unroll` returned continues its sequence.
      mask: `[T, ...batch]` bool, true at real steps; see `lengths_to_mask`. None if all
        are real.
      is_first: `[T, ...batch]` bool, true where a new sequence starts: the carry is
        reset before that step (in reverse after it; the returned carry is then the one
        that the chunk's first step left). Masked steps count.
      reverse: whether to read from the last step to the first. Outputs stay in the
        order of the inputs.
      engine: how to run it, such as `rnnjax.scan`, the reference.

    Returns:
      The last carry, and the outputs `[T, ...]`.

    Raises:
      ValueError: if the inputs have no axis of time or differ in their number of steps;
        if a parameter is missing, unexpected or of another shape or kind of dtype; if
        the mask or `is_first` is not bool or has another shape; if the carry has
        another structure, shape or dtype than the cell's.

    Example:
      >>> cell = rnnjax.lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> inputs = jnp.ones((7, 2, 3))
      >>> mask = rnnjax.lengths_to_mask(jnp.array([7, 5]), 7)
      >>> carry, outputs = rnnjax.unroll(cell, params, inputs, mask=mask)
      >>> outputs.shape, carry.h.shape
      ((7, 2, 4), (2, 4))
    """
    inputs = jax.tree.map(jnp.asarray, inputs)
    batch = batch_shape(inputs, cell.input_ndim)
    num_steps = jax.tree.leaves(inputs)[0].shape[0]
    _check_steps(inputs, (num_steps, *batch))
    check_marks("mask", mask, (num_steps, *batch))
    check_marks("is_first", is_first, (num_steps, *batch))
    return _run(cell, reverse, engine, params, carry, inputs, mask, is_first)


@functools.partial(jax.jit, static_argnums=(0, 1, 2), inline=True)
def _run(cell, reverse, engine, params, carry, inputs, mask, is_first):
    """Does the work of `unroll`, compiled once per shape if it is called eagerly."""
    batch = batch_shape(inputs, cell.input_ndim)
    check_params(cell.init, params, inputs, input_ndim=cell.input_ndim)
    params = prepared(cell, params)
    _check_carry(carry, cell.initial_carry(params, batch))
    inputs = zero_masked(mask, inputs)
    start = cell.initial_carry(params, batch) if carry is None else carry
    settled = place_carry(cell, params, start, inputs, (mask, is_first))
    if carry is None:
        settled = place_like(cell.initial_carry(params), settled)
    reset = computing_order(is_first, reverse)
    return engine(
        cell, params, settled, inputs, mask=mask, reset=reset, reverse=reverse
    )


def _check_steps(inputs, leading_shape):
    for leaf in jax.tree.leaves(inputs):
        if leaf.shape[: len(leading_shape)] != leading_shape:
            raise ValueError(
                f"inputs must all begin with the axes {leading_shape}, "
                f"got {[x.shape for x in jax.tree.leaves(inputs)]}."
            )


def _check_carry(carry, expected):
    """Checks a given carry by structure, shape and dtype; None is the initial one."""
    if carry is None:
        return
    same = jax.tree.structure(carry) == jax.tree.structure(expected) and all(
        jnp.shape(x) == y.shape and jnp.result_type(x) == y.dtype
        for x, y in zip(jax.tree.leaves(carry), jax.tree.leaves(expected))
    )
    if not same:
        got = jax.tree.map(jnp.asarray, carry)
        raise ValueError(f"carry must be {describe(expected)}, got {describe(got)}.")

"""Gradients of a loss with respect to the carry of every step."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from rnnjax.base import (
    Array,
    Carry,
    Cell,
    Engine,
    Params,
    batch_shape,
    prepared,
)
from rnnjax.cells.wrappers.derived import with_side_inputs
from rnnjax.cells.wrappers.with_carry import with_carry
from rnnjax.diagnostics.trajectory import part_floating
from rnnjax.engines.hoisted import hoisted
from rnnjax.masking import zero_masked
from rnnjax.unroll import unroll


class GradientTrace(NamedTuple):
    """What every step reads, and the gradient with respect to its carry.

    Attributes:
      inputs: `[T, ..., input_size]`, zeros where masked.
      carries: `[T, ...batch, ...]`, the carry hₜ₋₁ that step t reads.
      cotangents: a list of the floating leaves of the carry `[T, ...batch, ...]`:
        the total δₜ = ∂loss / ∂hₜ for the carry after step t; zeros where masked.
    """

    inputs: Any
    carries: Carry
    cotangents: list[Array]


def gradient_trace(
    cell: Cell,
    params: Params,
    inputs: Any,
    loss: Callable[[Any], Array],
    *,
    carry: Carry | None = None,
    mask: Array | None = None,
    engine: Engine = hoisted,
) -> GradientTrace:
    """Backpropagates a loss and keeps the gradient of the carry of every step.

    Args:
      cell: the cell; it must have factors.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      loss: of the outputs `[T, ...]`, a scalar.
      carry: the carry that the first step reads; None: the initial one.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.
      engine: one that has reverse mode.

    Returns:
      The trace.

    Raises:
      ValueError: if the cell has no factors.
    """

    def of_outputs(rest, outputs):
        del rest
        return loss(outputs)

    _, _, trace = backpropagate(
        of_outputs, cell, params, (), inputs, carry=carry, mask=mask, engine=engine
    )
    return trace


def backpropagate(
    loss: Callable[[Any, Any], Array],
    cell: Cell,
    params: Params,
    rest: Params,
    inputs: Any,
    *,
    carry: Carry | None,
    mask: Array | None,
    engine: Engine,
) -> tuple[Array, tuple[Params, Params], GradientTrace]:
    """Backpropagates a loss once, for its gradients and for the trace.

    Args:
      loss: `(rest, outputs) -> scalar`, of the outputs `[T, ...]` of the cell.
      cell: the cell; it must have factors.
      params: its parameters.
      rest: the parameters that only the loss reads.
      inputs: `[T, ..., input_size]`.
      carry: the carry that the first step reads; None: the initial one.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.
      engine: one that has reverse mode.

    Returns:
      The loss, its gradients with respect to `params` and `rest`, and the trace.

    Raises:
      ValueError: if the cell has no factors.
    """
    if cell.factors is None:
        raise ValueError("cell must have factors, got one that is only a step.")
    batch = batch_shape(inputs, cell.input_ndim)
    start = cell.initial_carry(prepared(cell, params), batch)
    num_steps = jax.tree.leaves(inputs)[0].shape[0]
    probes = [
        jnp.zeros((num_steps, *x.shape), x.dtype) for x in part_floating(start)[0]
    ]

    def run(params, rest, probes):
        _, seen = unroll(
            with_carry(with_side_inputs(cell, _add_probes)),
            params,
            (inputs, probes),
            carry=carry,
            mask=mask,
            engine=engine,
        )
        return loss(rest, seen["outputs"]), seen["carry"]

    (value, left), (*grads, cotangents) = jax.value_and_grad(
        run, argnums=(0, 1, 2), has_aux=True
    )(params, rest, probes)
    start = start if carry is None else carry
    carries = jax.tree.map(functools.partial(_read, mask), start, left)
    trace = GradientTrace(zero_masked(mask, inputs), carries, cotangents)
    return value, (grads[0], grads[1]), trace


def _add_probes(update, params, carry, pre, probes):
    """Adds zeros to the new carry, whose gradients are those of the carry."""
    floats, put_back = part_floating(update(params, carry, pre))
    return put_back([x + y for x, y in zip(floats, probes)])


def _read(mask, start, left):
    """Returns the carry before every step, from those after; zeros where masked."""
    known = jnp.concatenate([start[None], left])
    if mask is None:
        return known[:-1]
    count = jnp.arange(1, len(left) + 1).reshape(-1, *[1] * (mask.ndim - 1))
    last_real = lax.cummax(jnp.where(mask, count, 0))
    before = jnp.concatenate([jnp.zeros_like(last_real[:1]), last_real[:-1]])
    before = before.reshape(*mask.shape, *[1] * (left.ndim - mask.ndim))
    return jnp.take_along_axis(known, before, axis=0)

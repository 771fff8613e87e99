"""Cells made from another cell by replacing some of its functions."""

from collections.abc import Callable
from typing import Any

from rnnjax.base import Cell, Factors, cached, factored_cell, prepared


def derived_cell(
    cell: Cell,
    *,
    init: Callable[..., Any] | None = None,
    initial_carry: Callable[..., Any] | None = None,
    **factors: Callable[..., Any],
) -> Cell:
    """Makes a cell like `cell` with some of its functions replaced.

    Args:
      cell: the cell.
      init: replaces `Cell.init`; None keeps it.
      initial_carry: replaces `Cell.initial_carry`; None keeps it.
      **factors: replacements for functions of `Factors`, and thus of the step.

    Raises:
      ValueError: if factors are replaced and the cell has none.

    Example:
      >>> cell = derived_cell(rnnjax.elman(4), readout=lambda params, h, x: -h)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> h, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> jnp.array_equal(outputs, -h)
      Array(True, dtype=bool)
    """
    if cell.factors is None and factors:
        raise ValueError("cell must have factors, got one that is only a step.")
    init, initial_carry = init or cell.init, initial_carry or cell.initial_carry
    if cell.factors is None:
        return cell._replace(init=init, initial_carry=initial_carry)
    return factored_cell(
        init,
        initial_carry,
        cell.factors._replace(**factors),
        prepare=cell.prepare,
        input_ndim=cell.input_ndim,
    )


def nested_cell(cell: Cell) -> Cell:
    """Makes a cell like `cell` that reads its parameters at `params["cell"]`.

    A wrapper that has parameters of its own puts them beside that entry, where
    `prepare` leaves them as they are.

    Example:
      >>> sorted(nested_cell(rnnjax.elman(4)).init(jax.random.key(0), 3))
      ['cell']
    """

    def nested(function):
        return lambda params, *args: function(params["cell"], *args)

    def init(key, input_size):
        return {"cell": cell.init(key, input_size)}

    def prepare(params):
        return {**params, "cell": prepared(cell, params["cell"])}

    factors = None if cell.factors is None else Factors(*map(nested, cell.factors))
    return Cell(
        init,
        nested(cell.initial_carry),
        nested(cell.step),
        factors,
        prepare=None if cell.prepare is None else prepare,
        input_ndim=cell.input_ndim,
    )


@cached
def with_side_inputs(cell: Cell, update: Callable[..., Any]) -> Cell:
    """Makes a cell whose inputs are `(inputs, side)`, of which its update reads `side`.

    Args:
      cell: the cell, which reads `inputs`; it must have factors.
      update: `(own_update, params, carry, pre, side) -> carry`, where `own_update` is
        `Factors.update` of `cell`.

    Raises:
      ValueError: if the cell has no factors.

    Example:
      >>> def add(own_update, params, carry, pre, side):
      ...     return own_update(params, carry, pre) + side
      >>> cell = with_side_inputs(rnnjax.elman(4), add)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> cell.step(params, jnp.zeros(4), (jnp.zeros(3), jnp.arange(4.0)))[0]
      Array([0., 1., 2., 3.], dtype=float32)
    """
    own = cell.factors
    if own is None:
        raise ValueError("cell must have factors, got one that is only a step.")

    def update_with_side(params, carry, pre):
        pre, side = pre
        return update(own.update, params, carry, pre, side)

    return derived_cell(
        cell,
        project=lambda params, inputs: (own.project(params, inputs[0]), inputs[1]),
        recur=lambda params, carry: (own.recur(params, carry), None),
        update=update_with_side,
        readout=lambda params, carry, inputs: own.readout(params, carry, inputs[0]),
    )

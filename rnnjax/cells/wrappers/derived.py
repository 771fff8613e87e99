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
      **factors: replacements for functions of `Factors`, by name. The step is derived
        from the factors, so it changes with them.

    Returns:
      The cell.

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
    """Makes a cell like `cell` that finds its parameters at `params["cell"]`.

    A wrapper with parameters of its own puts them beside that entry.

    Args:
      cell: the cell.

    Returns:
      The cell; its `init` returns a dict of `cell` alone, and its `prepare` keeps the
      other entries.

    Example:
      >>> cell = nested_cell(rnnjax.elman(4))
      >>> params = cell.init(jax.random.key(0), 3) | {"scale": 2.0}
      >>> sorted(params), sorted(params["cell"])
      (['cell', 'scale'], ['bias', 'kernel', 'recurrent_kernel'])
      >>> cell.initial_carry(params).shape
      (4,)
    """

    def nested(function):
        return lambda params, *args: function(params["cell"], *args)

    def init(key, input_size):
        return {"cell": cell.init(key, input_size)}

    def prepare(params):
        return {**params, "cell": prepared(cell, params["cell"])}

    lifted = Cell(
        init,
        nested(cell.initial_carry),
        nested(cell.step),
        prepare=None if cell.prepare is None else prepare,
        input_ndim=cell.input_ndim,
    )
    if cell.factors is None:
        return lifted
    return lifted._replace(factors=Factors(*map(nested, cell.factors)))


@cached
def with_side_inputs(cell: Cell, update: Callable[..., Any]) -> Cell:
    """Makes a cell whose inputs are `(inputs, side)`, of which its update reads `side`.

    `cell` itself sees `inputs` alone.

    Args:
      cell: the cell; it must have factors.
      update: `(own_update, params, carry, pre, side) -> carry`, where `own_update` is
        `Factors.update` of `cell`.

    Returns:
      The cell, over the parameters and the carry of `cell`.

    Raises:
      ValueError: if the cell has no factors.

    Example:
      >>> def add(own_update, params, carry, pre, side):
      ...     return own_update(params, carry, pre) + side
      >>> cell = with_side_inputs(rnnjax.elman(4), add)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> h, _ = cell.step(params, jnp.zeros(4), (jnp.zeros(3), jnp.arange(4.0)))
      >>> h
      Array([0., 1., 2., 3.], dtype=float32)
    """
    own = cell.factors
    if own is None:
        raise ValueError("cell must have factors, got one that is only a step.")

    def project(params, inputs):
        inputs, side = inputs
        return own.project(params, inputs), side

    def recur(params, carry):
        return own.recur(params, carry), None

    def update_with_side(params, carry, pre):
        pre, side = pre
        return update(own.update, params, carry, pre, side)

    def readout(params, carry, inputs):
        return own.readout(params, carry, inputs[0])

    return derived_cell(
        cell, project=project, recur=recur, update=update_with_side, readout=readout
    )

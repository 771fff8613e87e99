"""A cell whose initial carry is a parameter."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Cell, Factors, cached, factored_cell, prepared


@cached
def learned_initial_carry(cell: Cell) -> Cell:
    """Makes a cell like `cell` that learns the carry it begins with.

    Every sequence begins with it, at every reset too, and each beginning adds to its
    gradient. What does not float in a carry, such as a counter, is not learned.

    Args:
      cell: the cell; its own initial carry is the first guess.

    Returns:
      The cell, over a dict of `cell`, the parameters of `cell`, and `initial_carry`,
      one carry without batch axes, with None for what is not learned.

    Example:
      >>> cell = learned_initial_carry(rnnjax.gru(4))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> params["initial_carry"] = jnp.arange(4.0)
      >>> cell.initial_carry(params, (2,))
      Array([[0., 1., 2., 3.],
             [0., 1., 2., 3.]], dtype=float32)
    """

    def init(key, input_size):
        params = cell.init(key, input_size)
        start = cell.initial_carry(prepared(cell, params))
        return {"cell": params, "initial_carry": jax.tree.map(_if_floating, start)}

    def prepare(params):
        return {**params, "cell": prepared(cell, params["cell"])}

    def initial_carry(params, batch_shape=()):
        def repeat(own, learned):
            if learned is None:
                return own
            return jnp.broadcast_to(learned, (*batch_shape, *learned.shape))

        own = cell.initial_carry(params["cell"], batch_shape)
        return jax.tree.map(repeat, own, params["initial_carry"])

    def of_cell(function):
        return lambda params, *args: function(params["cell"], *args)

    if cell.factors is None:
        step = of_cell(cell.step)
        return Cell(init, initial_carry, step, None, prepare, cell.input_ndim)
    return factored_cell(
        init,
        initial_carry,
        Factors(*map(of_cell, cell.factors)),
        prepare=prepare,
        input_ndim=cell.input_ndim,
    )


def _if_floating(x: Any) -> Any:
    return x if jnp.issubdtype(x.dtype, jnp.floating) else None

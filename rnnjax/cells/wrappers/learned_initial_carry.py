"""A cell whose initial carry is a parameter."""

import jax
import jax.numpy as jnp

from rnnjax.base import Cell, cached, prepared
from rnnjax.cells.wrappers.derived import derived_cell, nested_cell


@cached
def learned_initial_carry(cell: Cell) -> Cell:
    """Makes a cell like `cell` whose initial carry is learned.

    Every sequence starts from it, also after a reset, and each start adds to its
    gradient. Leaves of a carry that are not floating, such as a counter, are not
    learned.

    Args:
      cell: the cell; its own initial carry is the initial value.

    Returns:
      The cell, over a dict of `cell`, the parameters of `cell`, and `initial_carry`,
      one carry without batch axes, with None for leaves that are not learned.

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
        learned = jax.tree.map(
            lambda x: x if jnp.issubdtype(x.dtype, jnp.floating) else None, start
        )
        return {"cell": params, "initial_carry": learned}

    def initial_carry(params, batch_shape=()):
        def repeat(own, learned):
            if learned is None:
                return own
            return jnp.broadcast_to(learned, (*batch_shape, *learned.shape))

        own = cell.initial_carry(params["cell"], batch_shape)
        return jax.tree.map(repeat, own, params["initial_carry"])

    return derived_cell(nested_cell(cell), init=init, initial_carry=initial_carry)

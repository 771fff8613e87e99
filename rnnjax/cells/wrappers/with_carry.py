"""A cell whose outputs include its carry."""

from rnnjax.base import Cell, cached
from rnnjax.cells.wrappers.derived import derived_cell


@cached
def with_carry(cell: Cell) -> Cell:
    """Makes a cell like `cell` whose outputs include the carry of every step.

    Args:
      cell: the cell.

    Returns:
      The cell, over the parameters and the carry of `cell`. Its outputs are a dict of
      `outputs`, those of `cell`, and `carry`, the carry after the step. At masked steps
      both are zeros, as all outputs are.

    Example:
      >>> cell = with_carry(rnnjax.lstm(4))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = rnnjax.unroll(cell, params, jnp.ones((7, 2, 3)))
      >>> outputs["outputs"].shape, outputs["carry"].c.shape
      ((7, 2, 4), (7, 2, 4))
      >>> bool((outputs["carry"].c[-1] == carry.c).all())
      True
    """
    if cell.factors is not None:
        own = cell.factors.readout

        def readout(params, carry, inputs):
            return {"outputs": own(params, carry, inputs), "carry": carry}

        return derived_cell(cell, readout=readout)

    def step(params, carry, inputs):
        carry, outputs = cell.step(params, carry, inputs)
        return carry, {"outputs": outputs, "carry": carry}

    return cell._replace(step=step)

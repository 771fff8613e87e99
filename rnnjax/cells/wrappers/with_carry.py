"""A cell that shows its carry."""

from rnnjax.base import Cell, cached, factored_cell


@cached
def with_carry(cell: Cell) -> Cell:
    """Makes a cell like `cell` whose outputs hold the carry of every step.

    Args:
      cell: the cell.

    Returns:
      The cell, over the parameters and the carry of `cell`; its outputs are a dict of
      `outputs`, those of `cell`, and `carry`, what the step left. Where a step is
      masked both are zeros, as all outputs are.

    Example:
      >>> cell = with_carry(rnnjax.lstm(4))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, shown = rnnjax.unroll(cell, params, jnp.ones((7, 2, 3)))
      >>> shown["outputs"].shape, shown["carry"].c.shape
      ((7, 2, 4), (7, 2, 4))
      >>> bool((shown["carry"].c[-1] == carry.c).all())
      True
    """

    def step(params, carry, inputs):
        carry, outputs = cell.step(params, carry, inputs)
        return carry, {"outputs": outputs, "carry": carry}

    if cell.factors is None:
        return cell._replace(step=step)
    own = cell.factors.readout

    def readout(params, carry, inputs):
        return {"outputs": own(params, carry, inputs), "carry": carry}

    return factored_cell(
        cell.init,
        cell.initial_carry,
        cell.factors._replace(readout=readout),
        prepare=cell.prepare,
        input_ndim=cell.input_ndim,
    )

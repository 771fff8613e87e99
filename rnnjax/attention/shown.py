"""What a cell that attends must have: factors, and outputs from its carry alone."""

from rnnjax.base import Array, Carry, Cell, Factors, Params


def factors_of(cell: Cell) -> Factors:
    """Returns the factors of a cell that must have them.

    Raises:
      ValueError: if the cell has none.
    """
    if cell.factors is None:
        raise ValueError("cell must have factors, got one that is only a step.")
    return cell.factors


def shown_by(cell: Cell, params: Params, carry: Carry) -> Array:
    """Returns what a cell shows, from its carry alone.

    Args:
      cell: the cell.
      params: its parameters, prepared.
      carry: its carry after a step.

    Returns:
      The outputs of that step.

    Raises:
      ValueError: if the cell has no factors, or its outputs depend on the inputs.

    Example:
      >>> cell = rnnjax.lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> jnp.array_equal(shown_by(cell, params, carry), outputs)
      Array(True, dtype=bool)
    """
    readout = factors_of(cell).readout
    try:
        return readout(params, carry, None)
    except (AttributeError, TypeError) as error:
        raise ValueError(
            "cell must show its carry alone, got one whose outputs depend on its "
            f"inputs: {error}"
        ) from error

"""Several cells as one: all layers take a step before the next step begins."""

import jax

from rnnjax.attention.shown import factors_of, shown_by
from rnnjax.base import Cell, Factors, cached, factored_cell, pre_activation, prepared


@cached
def cell_stack(*cells: Cell) -> Cell:
    """Makes a cell from several, each reading what the previous one shows.

    `rnnjax.stack` computes the same layer by layer and faster. A single cell is needed
    where something outside takes part in every step, such as attention whose result is
    fed back to the first layer, see `rnnjax.attention.attend_after`.

    Args:
      *cells: the cells, from the inputs on. All must have factors, and what the first
        one shows must depend on its carry alone.

    Returns:
      The cell; its parameters and carry are tuples.

    Raises:
      ValueError: if there is no cell, one has no factors, or what the first one shows
        depends on its inputs.

    Example:
      >>> cells = rnnjax.lstm(4), rnnjax.gru(5)
      >>> cell = cell_stack(*cells)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> inputs = jnp.ones((7, 3))
      >>> want = rnnjax.stack(*map(rnnjax.recurrent, cells)).apply(params, None, inputs)
      >>> got = rnnjax.unroll(cell, params, inputs)
      >>> bool(jnp.allclose(got[1], want[1], atol=1e-6))
      True
    """
    if not cells:
        raise ValueError("cells must be at least one, got none.")
    factors = [factors_of(cell) for cell in cells]

    def init(key, input_size):
        params = []
        for i, cell in enumerate(cells):
            own = cell.init(jax.random.fold_in(key, i), input_size)
            shown = jax.eval_shape(lambda own: _first_shown(cell, own), own)  # noqa: B023
            input_size = shown.shape[-1]
            params.append(own)
        return tuple(params)

    def initial_carry(params, batch_shape=()):
        return tuple(
            cell.initial_carry(own, batch_shape) for cell, own in zip(cells, params)
        )

    def prepare(params):
        return tuple(prepared(cell, own) for cell, own in zip(cells, params))

    def project(params, inputs):
        rest = (None,) * (len(cells) - 1)
        return factors[0].project(params[0], inputs), *rest

    def recur(params, carry):
        return tuple(
            own.recur(own_params, own_carry)
            for own, own_params, own_carry in zip(factors, params, carry)
        )

    def update(params, carry, pre):
        new_carry = [factors[0].update(params[0], carry[0], pre[0])]
        shown = shown_by(cells[0], params[0], new_carry[0])
        for i, own in enumerate(factors[1:], 1):
            own_pre = pre_activation(own.project(params[i], shown), pre[i])
            new_carry.append(own.update(params[i], carry[i], own_pre))
            shown = own.readout(params[i], new_carry[i], shown)
        return tuple(new_carry)

    def readout(params, carry, inputs):
        for own, own_params, own_carry in zip(factors, params, carry):
            inputs = own.readout(own_params, own_carry, inputs)
        return inputs

    return factored_cell(
        init,
        initial_carry,
        Factors(project, recur, update, readout),
        prepare=prepare if any(cell.prepare for cell in cells) else None,
        input_ndim=cells[0].input_ndim,
    )


def _first_shown(cell, params):
    params = prepared(cell, params)
    return shown_by(cell, params, cell.initial_carry(params))

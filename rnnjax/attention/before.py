"""Bahdanau's decoder: attention before the step, by what the last step left."""

import jax.numpy as jnp

from rnnjax.attention.attentive import (
    AttentiveCarry,
    add_glimpse,
    check_attends,
    drive_of_inputs,
    init_attentive,
    initial_attentive_carry,
    outputs_of,
    prepare_attentive,
)
from rnnjax.attention.base import Attention, glimpse_size
from rnnjax.attention.shown import shown_by
from rnnjax.base import Cell, Factors, cached, check_positive, factored_cell


@cached
def attend_before(
    cell: Cell, attention: Attention, memory_size: int, *, show_weights: bool = False
) -> Cell:
    """Makes a cell that reads a memory before each step and beside its inputs.

        cₜ = attention(hₜ₋₁, memory)
        hₜ = cell(hₜ₋₁, [xₜ; cₜ])
        yₜ = [hₜ; cₜ]

    The memory is bound by `bind_memory`; `is_first` resets the carry and keeps the
    memory, so sequences packed into one row share it.

    Args:
      cell: the cell, from vectors to one vector h that its carry holds.
      attention: how to attend: `additive` is Bahdanau's; one with a state carries it.
      memory_size: width of the memory's rows.
      show_weights: whether the outputs are a dict of `outputs` yₜ and `weights`, those
        of this step's reading.

    Returns:
      The cell, over a dict of `cell`, the parameters of `cell` for inputs [x; c],
      `attention`, and `memory`, None until one is bound; its carry is an
      `AttentiveCarry`.

    Raises:
      ValueError: if `memory_size` is not positive, or `cell` has no factors or does not
        read vectors; in `init`, if it does not show one vector; where it runs, if no
        memory is bound, or it does not fit.

    Example:
      >>> from rnnjax.attention import Memory, additive, bind_memory
      >>> cell = attend_before(rnnjax.gru(4), additive(5), 2, show_weights=True)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> mask = jnp.array([True, False, True, False])
      >>> bound = bind_memory(params, Memory(jnp.ones((4, 2)), mask))
      >>> _, outputs = rnnjax.unroll(cell, bound, jnp.ones((7, 3)))
      >>> outputs["weights"][-1]
      Array([0.5, 0. , 0.5, 0. ], dtype=float32)

    References:
      Bahdanau, Cho and Bengio, "Neural Machine Translation by Jointly Learning to Align
      and Translate", ICLR 2015, appendix A.2.2: its GRU reads [e(yₜ₋₁); cₜ].
    """
    own = check_attends(cell, memory_size)
    size = glimpse_size(attention, memory_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        return init_attentive(cell, attention, key, input_size + size, memory_size)

    def initial_carry(params, batch_shape=()):
        return initial_attentive_carry(
            cell, attention, params, batch_shape, show_weights
        )

    def prepare(params):
        return prepare_attentive(cell, attention, params, memory_size, size)

    def project(params, inputs):
        return *drive_of_inputs(cell, params, inputs), None

    def recur(params, carry):
        h = shown_by(cell, params["cell"], carry.cell)
        query = attention.query(params["attention"], params["memory"], h)
        return own.recur(params["cell"], carry.cell), None, query

    def update(params, carry, pre):
        own_pre, inputs, query = pre
        glimpse, state, weights = attention.read(
            params["attention"], params["memory"], query, carry.state
        )
        own_pre = add_glimpse(cell, params, own_pre, inputs, glimpse)
        new_carry = own.update(params["cell"], carry.cell, own_pre)
        weights = weights if show_weights else None
        return AttentiveCarry(new_carry, glimpse, state, weights)

    def readout(params, carry, inputs):
        h = shown_by(cell, params["cell"], carry.cell)
        return outputs_of(jnp.concatenate([h, carry.attended], axis=-1), carry)

    factors = Factors(project, recur, update, readout)
    return factored_cell(init, initial_carry, factors, prepare=prepare)

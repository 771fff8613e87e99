"""What all cells that attend share: their parameters and their carry."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.attention.base import Attention
from rnnjax.attention.memory import batch_first, check_batch
from rnnjax.attention.rows import linear_part, split_rows
from rnnjax.attention.shown import factors_of, shown_by
from rnnjax.base import (
    Array,
    Carry,
    Cell,
    Factors,
    Params,
    check_positive,
    pre_activation,
    prepared,
    serializable,
)


@serializable
class AttentiveCarry(NamedTuple):
    """The carry of a cell that attends.

    Attributes:
      cell: the carry of the cell itself; replace it to begin from an encoder's last
        state.
      attended: `[..., size]`, the glimpse, or h̃ where there is one.
      state: what the attention carries, see `Attention.start`.
      weights: `[..., S]`, those of the last reading; None unless they are shown.
    """

    cell: Carry
    attended: Array
    state: Any
    weights: Array | None


def check_attends(cell: Cell, memory_size: int) -> Factors:
    """Checks what a maker of attentive cells is given; returns the cell's factors.

    Raises:
      ValueError: if the size is not positive, or if the cell does not read vectors or
        has no factors.
    """
    check_positive(memory_size=memory_size)
    if cell.input_ndim != 1:
        raise ValueError(
            f"cell must read vectors, got one of input_ndim {cell.input_ndim}."
        )
    return factors_of(cell)


def init_attentive(
    cell: Cell, attention: Attention, key: Array, input_size: int, memory_size: int
) -> dict[str, Any]:
    """Draws the parameters of a cell, for `input_size`, and of what it attends by.

    Returns:
      Dict of `cell`, `attention`, and `memory`, None until one is bound.

    Raises:
      ValueError: if the cell does not show one vector.
    """
    cell_key, attention_key = jax.random.split(key)
    params = cell.init(cell_key, input_size)
    h_size = shown_size(cell, params)
    return {
        "cell": params,
        "attention": attention.init(attention_key, h_size, memory_size),
        "memory": None,
    }


def shown_size(cell: Cell, params: Params) -> int:
    """Returns the width of what a cell shows.

    Raises:
      ValueError: if that is not one vector, or depends on the inputs.
    """
    h = jax.eval_shape(
        lambda params: _first_shown(cell, prepared(cell, params)), params
    )
    if not isinstance(h, jax.ShapeDtypeStruct) or len(h.shape) != 1:
        raise ValueError(f"cell must show one vector, got {h}.")
    return h.shape[0]


def prepare_attentive(
    cell: Cell, attention: Attention, params: Params, memory_size: int, size: int
) -> dict[str, Any]:
    """Prepares the parameters of a cell that attends.

    Args:
      cell: the cell itself.
      attention: how it attends.
      params: the parameters, with a memory bound.
      memory_size: width of the memory's rows.
      size: width of what the cell reads beside its inputs.

    Returns:
      The parameters with those of the cell prepared, `rows`, see `split_rows`, and the
      memory laid out, in the dtype of what the cell shows.

    Raises:
      ValueError: if no memory is bound, or it is not of that width.
    """
    own = prepared(cell, params["cell"])
    dtype = jax.eval_shape(lambda params: _first_shown(cell, params), own).dtype
    memory = batch_first(params["memory"], memory_size, dtype)
    return {
        **params,
        "cell": own,
        "rows": split_rows(cell, own, size) if size else (own, own),
        "memory": attention.prepare(params["attention"], memory),
    }


def initial_attentive_carry(
    cell: Cell,
    attention: Attention,
    params: Params,
    batch_shape: tuple[int, ...],
    show_weights: bool,
) -> AttentiveCarry:
    """Returns the carry before the first step: zeros, and the cell's own.

    Nothing is read before the first step: the carry must not depend on the memory's
    contents, since resets repeat that of a single sequence along the batch.

    Raises:
      ValueError: if the memory's batch axes do not broadcast to `batch_shape`.
    """
    memory = params["memory"]
    if batch_shape:
        check_batch(memory, batch_shape)
    num_batch_axes = memory.values.ndim - 2
    one_memory = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape[num_batch_axes:], x.dtype), memory
    )
    glimpse, weights = jax.eval_shape(
        lambda params: _first_reading(cell, attention, params),
        {**params, "memory": one_memory},
    )

    def zeros(shape, dtype):
        return jnp.zeros((*batch_shape, *shape), dtype)

    return AttentiveCarry(
        cell.initial_carry(params["cell"], batch_shape),
        zeros(glimpse.shape, glimpse.dtype),
        attention.start(params["attention"], memory, batch_shape),
        zeros(weights.shape, weights.dtype) if show_weights else None,
    )


def _first_shown(cell, params):
    return shown_by(cell, params, cell.initial_carry(params))


def _first_reading(cell, attention, params):
    own, memory = params["attention"], params["memory"]
    query = attention.query(own, memory, _first_shown(cell, params["cell"]))
    state = attention.start(own, memory, ())
    glimpse, _, weights = attention.read(own, memory, query, state)
    return glimpse, weights


def drive_of_inputs(cell: Cell, params: Params, inputs: Array) -> tuple[Any, Any]:
    """Computes what the inputs contribute to a step that also reads a glimpse.

    Returns:
      The drive and None; or None and the inputs, if the cell's rows cannot be split.
    """
    if params["rows"] is None:
        return None, inputs
    return factors_of(cell).project(params["rows"][0], inputs), None


def add_glimpse(
    cell: Cell, params: Params, pre: Any, inputs: Any, glimpse: Array
) -> Any:
    """Adds what a glimpse contributes to the pre-activation of a cell.

    Args:
      cell: the cell.
      params: those of `prepare_attentive`.
      pre: the pre-activation without it.
      inputs: the second result of `drive_of_inputs`.
      glimpse: `[..., size]`.

    Returns:
      The pre-activation for inputs [x; glimpse].
    """
    project = factors_of(cell).project
    if inputs is None:
        return pre_activation(linear_part(project, params["rows"][1], glimpse), pre)
    joined = jnp.concatenate([inputs.astype(glimpse.dtype), glimpse], axis=-1)
    return pre_activation(project(params["cell"], joined), pre)


def outputs_of(outputs: Array, carry: AttentiveCarry) -> Any:
    """Returns the outputs, as a dict with the weights if these are shown."""
    if carry.weights is None:
        return outputs
    return {"outputs": outputs, "weights": carry.weights}

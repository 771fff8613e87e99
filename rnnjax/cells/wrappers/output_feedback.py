"""A cell that reads its own output of the step before."""

import jax
import jax.numpy as jnp

from rnnjax.base import Cell, cached, check_positive, prepared


@cached
def output_feedback(cell: Cell, output_size: int) -> Cell:
    """Makes a cell like `cell` that reads its last outputs beside the inputs.

        [hₜ, yₜ] = cell(hₜ₋₁, [xₜ, yₜ₋₁])

    What is fed back passes through all that stands between the carry and the outputs.
    So nothing but the whole step can be computed before the next one: the cell does not
    split into factors, and every engine runs it as `rnnjax.scan` does.

    Args:
      cell: the cell, of vectors to vectors.
      output_size: width of the outputs of `cell`.

    Returns:
      The cell, over the parameters of `cell` for inputs of `input_size + output_size`;
      its carry is a dict of `cell`, the carry of `cell`, and `outputs`
      `[..., output_size]`, yₜ, zeros at first.

    Raises:
      ValueError: if `output_size` is not positive or not the width of the outputs.

    Example:
      >>> cell = output_feedback(rnnjax.lstm(4), 4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> params["kernel"].shape
      (7, 16)

    References:
      Jordan, "Serial Order: A Parallel Distributed Processing Approach", 1986, for
      outputs fed back.
    """
    check_positive(output_size=output_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        params = cell.init(key, input_size + output_size)
        _check_output_size(cell, params, input_size + output_size, output_size)
        return params

    def initial_carry(params, batch_shape=()):
        floats = [x.dtype for x in jax.tree.leaves(params) if _is_floating(x)]
        outputs = jnp.zeros((*batch_shape, output_size), jnp.result_type(*floats))
        return {"cell": cell.initial_carry(params, batch_shape), "outputs": outputs}

    def step(params, carry, inputs):
        last = carry["outputs"]
        joined = jnp.concatenate([inputs.astype(last.dtype), last], axis=-1)
        new_carry, outputs = cell.step(params, carry["cell"], joined)
        return {"cell": new_carry, "outputs": outputs}, outputs

    return Cell(init, initial_carry, step, None, cell.prepare)


def _check_output_size(cell, params, input_size, output_size):
    def outputs(params, inputs):
        params = prepared(cell, params)
        return cell.step(params, cell.initial_carry(params), inputs)[1]

    inputs = jax.ShapeDtypeStruct((input_size,), jnp.float32)
    shape = jax.eval_shape(outputs, params, inputs).shape
    if shape != (output_size,):
        raise ValueError(
            f"output_size must be the width of the cell's outputs, of shape {shape}, "
            f"got {output_size}."
        )


def _is_floating(x):
    return jnp.issubdtype(x.dtype, jnp.floating)

"""A cell that reads its previous outputs."""

import jax
import jax.numpy as jnp

from rnnjax.base import Cell, cached, check_positive, prepared


@cached
def output_feedback(cell: Cell, output_size: int) -> Cell:
    """Makes a cell like `cell` that reads its previous outputs beside the inputs.

        hₜ, yₜ = cell(hₜ₋₁, [xₜ, yₜ₋₁])

    The outputs depend on everything between the carry and the readout, so no part of a
    step can be computed before the previous step has finished: the cell has no factors,
    and every engine runs it as `rnnjax.scan` does.

    Args:
      cell: the cell, from vectors to vectors.
      output_size: width of the outputs of `cell`.

    Returns:
      The cell, over the parameters of `cell` for inputs of `input_size + output_size`.
      Its carry is a dict of `cell`, the carry of `cell`, and `outputs`
      `[..., output_size]`, yₜ, initially zeros.

    Raises:
      ValueError: if `output_size` is not positive or not the width of the outputs.

    Example:
      >>> plain = rnnjax.elman(1, activation="identity", use_bias=False)
      >>> cell = output_feedback(plain, 1)
      >>> params = {"kernel": jnp.array([[1.0], [10.0]]),  # x, then y of the last step
      ...           "recurrent_kernel": jnp.zeros((1, 1))}
      >>> rnnjax.unroll(cell, params, jnp.ones((3, 1)))[1].ravel()
      Array([  1.,  11., 111.], dtype=float32)

    References:
      Jordan, "Serial Order: A Parallel Distributed Processing Approach", 1986, for the
      feedback of outputs.
    """
    check_positive(output_size=output_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        params = cell.init(key, input_size + output_size)
        _check_output_size(cell, params, input_size + output_size, output_size)
        return params

    def initial_carry(params, batch_shape=()):
        dtypes = [x.dtype for x in jax.tree.leaves(params)]
        floating = [x for x in dtypes if jnp.issubdtype(x, jnp.floating)]
        outputs = jnp.zeros((*batch_shape, output_size), jnp.result_type(*floating))
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

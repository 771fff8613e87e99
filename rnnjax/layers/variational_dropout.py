"""Dropout on the recurrent connections, with one mask for all steps."""

import jax
import jax.numpy as jnp

from rnnjax.base import Cell, Engine, Layer, batch_shape, cached, prepared
from rnnjax.cells.wrappers.derived import derived_cell, nested_cell
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.draws import check_rate, draw_scale
from rnnjax.parameters import check_params
from rnnjax.placement import place_along_batch
from rnnjax.unroll import unroll


@cached
def variational_dropout(
    cell: Cell, rate: float, *, reverse: bool = False, engine: Engine = hoisted
) -> Layer:
    """Makes a layer from a cell with dropout on its recurrent connections.

        W hₜ₋₁ becomes W (z ∘ hₜ₋₁), z = 0 with probability `rate`, else 1 / (1 - rate)

    The mask z is the same at all steps and differs between the rows of the batch. It
    applies only to what `Factors.recur` reads: the c of an LSTM and the h that a GRU
    interpolates are never dropped. It depends only on the key, so a later chunk with
    the same key has the same mask. With `locked_dropout` on the inputs this is the
    paper's dropout.

    This is what Keras calls `recurrent_dropout`. The recurrent dropout of Semeniuta et
    al., on the candidate, is `candidate_dropout`.

    Args:
      cell: the cell; it must have factors.
      rate: the probability of zeroing, from 0 to less than 1.
      reverse: whether to read from the last step to the first, as in `recurrent`.
      engine: how to run it.

    Returns:
      The layer, over the cell's own parameters and carry. Without a key it is
      `recurrent(cell, reverse=reverse)`.

    Raises:
      ValueError: if `rate` is not from 0 to less than 1, or the cell has no factors.

    References:
      Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
      Neural Networks", NeurIPS 2016: the masks on h, shared by the gates.
    """
    check_rate(rate)
    if cell.factors is None:
        raise ValueError("cell must have factors, got one that is only a step.")
    masked = _masked(cell)

    def initial_carry(params, batch_shape=()):
        return cell.initial_carry(prepared(cell, params), batch_shape)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jax.tree.map(jnp.asarray, inputs)
        batch = batch_shape(inputs, cell.input_ndim)
        check_params(cell.init, params, inputs, input_ndim=cell.input_ndim)
        runner = cell
        if key is not None and rate > 0:
            like = jax.eval_shape(lambda params: initial_carry(params, batch), params)
            scales = place_along_batch(
                _scales(key, rate, like), len(batch), jax.tree.leaves(inputs)
            )
            params = {"cell": params, "scale": scales}
            runner = masked
        return unroll(
            runner,
            params,
            inputs,
            carry=carry,
            mask=mask,
            is_first=is_first,
            reverse=reverse,
            engine=engine,
        )

    return causal_layer(
        cell.init,
        initial_carry,
        apply,
        input_ndim=cell.input_ndim,
        causal=not reverse,
    )


@cached
def _masked(cell):
    """Makes the cell over `cell`, its parameters, and `scale`, a pytree like its carry.

    The scales are parameters, not part of the carry, so `recur` stays affine in it.
    """

    def init(key, input_size):
        return {"cell": cell.init(key, input_size), "scale": None}

    def recur(params, carry):
        def scaled(x, scale):
            return x if scale is None else scale * x

        dropped = jax.tree.map(scaled, carry, params["scale"])
        return cell.factors.recur(params["cell"], dropped)

    return derived_cell(nested_cell(cell), init=init, recur=recur)


def _scales(key, rate, like):
    leaves, carry_def = jax.tree.flatten(like)
    return carry_def.unflatten(
        draw_scale(jax.random.fold_in(key, i), rate, leaf.shape, leaf.dtype)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
        else None
        for i, leaf in enumerate(leaves)
    )

"""Layers from cells: one direction or both."""

import jax

from rnnjax.base import Cell, Engine, Layer, cached, prepared
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.merging import Merge, concatenate
from rnnjax.masking import zero_masked
from rnnjax.parameters import check_parts, part
from rnnjax.unroll import unroll


@cached
def recurrent(cell: Cell, *, reverse: bool = False, engine: Engine = hoisted) -> Layer:
    """Makes a layer from a cell.

    Args:
      cell: the cell.
      reverse: whether to read from the last step to the first; then the layer is not
        causal and has no `step`.
      engine: how to run it.

    Returns:
      The layer, over the cell's own parameters and carry.

    Example:
      >>> layer = recurrent(rnnjax.lstm(4))
      >>> params = layer.init(jax.random.key(0), 3)
      >>> carry, outputs = layer.apply(params, None, jnp.ones((7, 2, 3)))
      >>> carry, output = layer.step(params, carry, jnp.ones((2, 3)))
      >>> outputs.shape, output.shape
      ((7, 2, 4), (2, 4))
    """

    def initial_carry(params, batch_shape=()):
        return cell.initial_carry(prepared(cell, params), batch_shape)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del key
        return unroll(
            cell,
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
def bidirectional(
    cell: Cell | Layer,
    backward_cell: Cell | Layer | None = None,
    *,
    merge: Merge = concatenate,
    engine: Engine = hoisted,
) -> Layer:
    """Makes a layer that reads a sequence in both directions.

    The backward half of the carry is the carry after the first step in time, so it
    summarizes the sequence. The outputs of both directions are in the order of the
    inputs.

    Args:
      cell: the cell that reads forward, or a layer that does.
      backward_cell: the cell that reads in reverse; None: one like `cell`, with
        parameters of its own. A layer if `cell` is one: itself made to read in reverse,
        as `variational_dropout(cell, rate, reverse=True)`.
      merge: combines the outputs of the two cells, forward first: `concatenate`,
        `jnp.add`, `average`, `jnp.multiply`, `keep_apart`, or any other function of
        two arrays `[T, ..., size]`.
      engine: how to run cells.

    Returns:
      The layer; its parameters and carry are dicts of `forward` and `backward`. Not
      causal.

    Raises:
      ValueError: if one of the two is a layer and the other is not.

    References:
      Schuster and Paliwal, "Bidirectional Recurrent Neural Networks", IEEE
      Transactions on Signal Processing 1997.
    """
    if isinstance(cell, Layer) and isinstance(backward_cell, Layer):
        forward, backward = cell, backward_cell
    elif isinstance(cell, Cell) and not isinstance(backward_cell, Layer):
        forward = recurrent(cell, engine=engine)
        backward = recurrent(backward_cell or cell, reverse=True, engine=engine)
    else:
        raise ValueError(
            "backward_cell must be a layer where cell is one and only then, "
            f"got {backward_cell!r}."
        )

    def init(key, input_size):
        forward_key, backward_key = jax.random.split(key)
        return {
            "forward": forward.init(forward_key, input_size),
            "backward": backward.init(backward_key, input_size),
        }

    def initial_carry(params, batch_shape=()):
        return {
            "forward": forward.initial_carry(params["forward"], batch_shape),
            "backward": backward.initial_carry(params["backward"], batch_shape),
        }

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        check_parts(params, ("forward", "backward"))
        carry = {"forward": None, "backward": None} if carry is None else carry
        new_carry, outputs = {}, []
        for i, (name, layer) in enumerate(
            (("forward", forward), ("backward", backward))
        ):
            layer_key = None if key is None else jax.random.fold_in(key, i)
            with part(params, name) as own:
                new_carry[name], output = layer.apply(
                    own,
                    carry[name],
                    inputs,
                    mask=mask,
                    is_first=is_first,
                    key=layer_key,
                )
            outputs.append(output)
        return new_carry, zero_masked(mask, jax.tree.map(merge, *outputs))

    return Layer(init, initial_carry, apply, None, forward.input_ndim)


def as_layer(layer: Cell | Layer) -> Layer:
    """Returns a layer unchanged, and a cell as `recurrent(cell)`.

    Raises:
      ValueError: if it is neither a cell nor a layer.
    """
    if isinstance(layer, Cell):
        return recurrent(layer)
    if not isinstance(layer, Layer):
        raise ValueError(f"layer must be a cell or a layer, got {layer!r}.")
    return layer

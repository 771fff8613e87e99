"""Where the batch is in a carry, and how its rows are reordered."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Layer, Params


def batch_axes(layer: Layer, params: Params, batch_shape: tuple[int, ...] = ()) -> Any:
    """Finds the first axis of the batch in every leaf of a layer's carry.

    `initial_carry` is traced abstractly for two batches of different sizes; the axis is
    where the shapes differ. It is 0 for the carry of a cell, 1 for the queue of a
    `dilated` layer, and None for a `dropout`'s clock, which all rows share. Further
    axes of the batch follow the first one.

    Args:
      layer: the layer.
      params: its parameters.
      batch_shape: that of a memory bound in them, to which the batch must fit.

    Returns:
      A pytree of the carry's structure, of axes or None.

    Example:
      >>> layer = rnnjax.stack(rnnjax.dropout(0.5), rnnjax.dilated(rnnjax.gru(4), 3))
      >>> batch_axes(layer, layer.init(jax.random.key(0), 2))
      (None, 1)
    """
    one, other = (
        jax.eval_shape(lambda params: layer.initial_carry(params, shape), params)  # noqa: B023
        for shape in ((2, *batch_shape), (3, *batch_shape))
    )

    def axis(x, y):
        return next(
            (i for i, (m, n) in enumerate(zip(x.shape, y.shape)) if m != n), None
        )

    return jax.tree.map(axis, one, other)


def take_beams(axes: Any, carry: Carry, beams: Array) -> Carry:
    """Reorders the beams of every row of a carry.

        carryₖ = carry of the row's beam number beamsₖ

    Args:
      axes: the carry's `batch_axes`.
      carry: leaves `[K, ...]`, K carries of the layer.
      beams: `[K, ...batch]` integers from 0 to K - 1.

    Returns:
      The carry. Leaves without a batch, which all beams share, are unchanged.
    """
    num_beams, *batch = beams.shape
    num_rows = math.prod(batch)
    places = beams.reshape(num_beams, num_rows) * num_rows + jnp.arange(num_rows)

    def take(axis, x):
        if axis is None:
            return x
        source = range(axis + 1, axis + 1 + len(batch))
        target = range(1, 1 + len(batch))
        rows = jnp.moveaxis(x, source, target)
        taken = rows.reshape(num_beams * num_rows, *rows.shape[1 + len(batch) :])[
            places
        ]
        return jnp.moveaxis(taken.reshape(rows.shape), target, source)

    return jax.tree.map(take, axes, carry, is_leaf=lambda axis: axis is None)

"""The boundary between Flax users, batch first, and the core, time first."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Layer, Params
from rnnjax.masking import check_marks


def apply_batch_first(
    layer: Layer,
    params: Params,
    inputs: Any,
    carry: Carry | None = None,
    *,
    mask: Array | None = None,
    is_first: Array | None = None,
    key: Array | None = None,
) -> tuple[Carry, Any]:
    """Applies a layer to sequences with the batch axis first.

    The carry has no axis of time, so it is handed through as it is.

    Args:
      layer: the layer.
      params: its parameters.
      inputs: one array or a tree of arrays `[B, T, ..., input_size]`.
      carry: the carry before the first step; None: the initial one.
      mask: `[B, T, ...batch]` bool, true at real steps; None if all are.
      is_first: `[B, T, ...batch]` bool, true where the carry starts anew.
      key: the source of randomness; None: there is none.

    Returns:
      The carry, and the outputs `[B, T, ...]`.

    Raises:
      ValueError: if the inputs lack an axis of batch or of time; if the mask or
        `is_first` is not bool or has another shape.

    Example:
      >>> layer = rnnjax.recurrent(rnnjax.gru(4))
      >>> params = layer.init(jax.random.key(0), 3)
      >>> carry, outputs = apply_batch_first(layer, params, jnp.ones((2, 7, 3)))
      >>> carry.shape, outputs.shape
      ((2, 4), (2, 7, 4))
    """
    inputs = jax.tree.map(jnp.asarray, inputs)
    shapes = [x.shape for x in jax.tree.leaves(inputs)]
    if not shapes or len(shapes[0]) < 2 + layer.input_ndim:
        got = f"shape {shapes[0]}" if shapes else "no array"
        raise ValueError(
            f"inputs must have axes of batch and time before their {layer.input_ndim} "
            f"axes of features, got {got}."
        )
    steps_shape = shapes[0][: len(shapes[0]) - layer.input_ndim]
    check_marks("mask", mask, steps_shape)
    check_marks("is_first", is_first, steps_shape)
    inputs, mask, is_first = _swapped((inputs, mask, is_first))
    carry, outputs = layer.apply(
        params, carry, inputs, mask=mask, is_first=is_first, key=key
    )
    return carry, _swapped(outputs)


def _swapped(tree):
    return jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), tree)

"""Graves' handwriting: offsets of a pen in, the density of the next one out."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.attention.after import attend_after
from rnnjax.attention.memory import Memory, bind_memory
from rnnjax.attention.positional import window
from rnnjax.base import Array, Cell, Layer, Params, check_positive
from rnnjax.layers.dense import dense
from rnnjax.layers.recurrent import as_layer, recurrent
from rnnjax.layers.shortcuts import skip_to_output
from rnnjax.layers.stack import stack
from rnnjax.masking import lengths_to_mask


def handwriting(
    cells: Sequence[Cell | Layer],
    num_outputs: int,
    *,
    text_size: int | None = None,
    num_components: int = 10,
    pace: float = 0.05,
) -> Layer:
    """Makes a layer from offsets `[T, ..., 3]` to a density's outputs.

        h¹ₜ = cell₁(h¹ₜ₋₁, xₜ)
        hⁿₜ = cellₙ(hⁿₜ₋₁, [hⁿ⁻¹ₜ; xₜ])
        yₜ  = [h¹ₜ; h²ₜ; ...] K + b

    With a text, the first cell looks at it through a soft window that only moves ahead:

        h¹ₜ = cell₁(h¹ₜ₋₁, [xₜ; wₜ₋₁])
        wₜ  = window(h¹ₜ, text)

    and [h¹ₜ; wₜ] takes the place of h¹ₜ. The text is a memory that `bind_text` binds.

    Args:
      cells: the stack, the one that reads the offsets first: cells, or causal layers of
        vectors.
      num_outputs: the width of y: `num_outputs` of a density such as `graves_mixture`.
      text_size: number of different characters; None: there is no text.
      num_components: components of the window.
      pace: characters per point, at which the window moves before training.

    Returns:
      The layer; the parameters and the carry are those of a stack of `skip_to_output`
      and `dense`.

    Raises:
      ValueError: if there is no cell, a size or the pace is not positive, or there is a
        text and the first of `cells` is a layer, or a cell without factors.

    Example:
      >>> from rnnjax.losses import graves_mixture
      >>> layer = handwriting([rnnjax.lstm(4), rnnjax.lstm(5)], 121, text_size=3)
      >>> params = layer.init(jax.random.key(0), 3)
      >>> bound = bind_text(params, jnp.array([[0], [2], [1]]), 3)
      >>> _, outputs = layer.apply(bound, None, jnp.ones((7, 1, 3)))
      >>> outputs.shape
      (7, 1, 121)

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 1
      to 4 and 46 to 53. There the window is read by all layers from the second on but
      not by the output; here by the second and by the output. `lstm` has no peepholes.
    """
    if not cells:
        raise ValueError("cells must be at least one, got none.")
    check_positive(num_outputs=num_outputs)
    first, *others = cells
    if text_size is not None:
        first = _reader(first, text_size, num_components, pace)
    layers = map(as_layer, (first, *others))
    return stack(skip_to_output(*layers, from_input=True), dense(num_outputs))


def bind_text(
    params: Params, text: Array, text_size: int, mask: Array | None = None
) -> Params:
    """Returns the parameters of `handwriting` with a text bound.

    Args:
      params: the parameters.
      text: `[S, ...batch]` int, the characters, with any padding after them.
      text_size: number of different characters.
      mask: `[S, ...batch]` bool, true at real characters; None if all are.

    Returns:
      The parameters. The memory has S + 1 rows: an empty place follows the last
      character, on which the window comes to rest when all is written.

    Raises:
      ValueError: if nothing in `params` reads a memory, or the mask is not bool of the
        text's shape.
    """
    text = jnp.asarray(text)
    if mask is not None and (mask.shape != text.shape or mask.dtype != bool):
        raise ValueError(
            f"mask must be bool {text.shape}, got {mask.dtype} {mask.shape}."
        )
    if mask is None:
        mask = jnp.ones(text.shape, bool)
    dtype = jnp.result_type(*jax.tree.leaves(params))
    rows = jax.nn.one_hot(jnp.where(mask, text, -1), text_size, dtype=dtype)
    rows = jnp.concatenate([rows, jnp.zeros_like(rows[:1])])
    is_place = lengths_to_mask(mask.sum(axis=0) + 1, len(text) + 1)
    return bind_memory(params, Memory(rows, is_place))


def window_weights(
    cells: Sequence[Cell | Layer],
    params: Params,
    offsets: Array,
    *,
    text_size: int,
    num_components: int = 10,
    mask: Array | None = None,
) -> Array:
    """Computes where the window is at every step.

    Args:
      cells: those of `handwriting`.
      params: its parameters with a text bound.
      offsets: `[T, ...batch, 3]`.
      text_size: that of `handwriting`.
      num_components: likewise.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[T, ...batch, S + 1]`, the weights of the characters and of the place after them,
      which need not sum to 1; zeros at masked steps.

    Raises:
      ValueError: if the first of `cells` is not a cell with factors, or the sizes are
        not those of `params`.
    """
    reader = _reader(cells[0], text_size, num_components, 1.0, show_weights=True)
    _, shown = recurrent(reader).apply(params[0][0], None, offsets, mask=mask)
    return shown["weights"]


def steps_to_end(weights: Array, lengths: Array) -> Array:
    """Finds when a text is written: when the window rests on the place after it.

    Args:
      weights: `[T, ...batch, S + 1]`, those of `window_weights`.
      lengths: `[...batch]` int, characters of each text.

    Returns:
      `[...batch]` int32, the steps before the first one at which the weight of that
      place is greater than that of every character; T if it never is.

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, section 5.3.
    """
    lengths = jnp.asarray(lengths)
    places = jnp.arange(weights.shape[-1])
    own = jnp.where(places < lengths[..., None], weights, -jnp.inf).max(axis=-1)
    index = jnp.broadcast_to(lengths, weights.shape[:-1])[..., None]
    after = jnp.take_along_axis(weights, index, axis=-1)[..., 0]
    is_over = after > own
    steps = jnp.where(is_over.any(axis=0), is_over.argmax(axis=0), len(weights))
    return steps.astype(jnp.int32)


def _reader(cell: Any, text_size, num_components, pace, show_weights=False) -> Cell:
    """Makes the cell that looks at the text."""
    if not isinstance(cell, Cell):
        raise ValueError(f"cells must begin with a cell to read a text, got {cell!r}.")
    if not pace > 0:
        raise ValueError(f"pace must be positive, got {pace}.")
    looks = window(num_components, bias_init=_paced(pace))
    return attend_after(cell, looks, text_size, show_weights=show_weights)


@functools.cache
def _paced(pace: float):
    """Makes an initializer of the window's bias.

    The heights of its components sum to 1, so that what it shows is not larger than a
    character's vector; together they move by `pace` per point.
    """

    def init(key, shape, dtype=jnp.float32, out_sharding=None) -> Array:
        del key, out_sharding  # cells never place arrays
        num_components = shape[0] // 3
        logs = -math.log(num_components), 0.0, math.log(pace)
        return jnp.repeat(jnp.array(logs, dtype), num_components)

    return init

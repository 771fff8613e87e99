"""What forecasters read, and how they are made of cells."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np

from rnnjax.base import Array, Cell, Layer
from rnnjax.layers import (
    bidirectional,
    concatenate,
    keep_apart,
    locked_dropout,
    stack,
    variational_dropout,
)
from rnnjax.losses.densities import Density
from rnnjax.losses.predictions import is_count

Normalize = Literal["none", "window", "mean"]
Corrects = Literal["none", "persistence", "seasonal"]
LEAST_SCALE = 1e-3  # of a window; one of equal values has a scale of 0


class Window(NamedTuple):
    """The part of series that a forecast is made from, batch first.

    Attributes:
      values: `[B, W, num_targets]`, what is forecast, up to now.
      inputs: `[B, W, num_inputs]`, what else is observed; None: nothing.
      known: `[B, W + H, num_known]`, what is known in advance, up to the last step that
        is forecast; None: nothing.
    """

    values: Array | np.ndarray
    inputs: Array | np.ndarray | None = None
    known: Array | np.ndarray | None = None


def window_scale(values: Array, normalize: Normalize) -> tuple[Array, Array]:
    """Computes by which center and scale a window is normalized.

        none:   0 and 1
        window: the mean and the standard deviation of the window
        mean:   0 and 1 + the mean of |values|, as in DeepAR

    Args:
      values: `[B, W, C]`, the window's.
      normalize: which of them.

    Returns:
      The center and the scale `[B, 1, C]`.

    Raises:
      ValueError: if `normalize` is none of the three.

    Example:
      >>> center, scale = window_scale(jnp.array([[[1.0], [5.0]]]), "window")
      >>> center.item(), round(scale.item(), 4)
      (3.0, 2.0)
    """
    if normalize == "none":
        zeros = jnp.zeros_like(values[:, :1])
        return zeros, zeros + 1
    if normalize == "mean":
        scale = 1 + jnp.abs(values).mean(axis=1, keepdims=True)
        return jnp.zeros_like(scale), scale
    if normalize != "window":
        raise ValueError(f"normalize must be none, window or mean, got {normalize!r}.")
    center = values.mean(axis=1, keepdims=True)
    variance = jnp.square(values - center).mean(axis=1, keepdims=True)
    return center, jnp.sqrt(variance + LEAST_SCALE**2)


def check_output(
    density: Density | None, normalize: Normalize, corrects: Corrects
) -> None:
    """Checks that a density of counts is neither shifted nor divided by a deviation.

    Raises:
      ValueError: if it is.
    """
    if is_count(density) and (corrects != "none" or normalize == "window"):
        raise ValueError(
            "corrects must be none and normalize none or mean for counts, "
            f"got {corrects!r} and {normalize!r}."
        )


def make_encoder(
    cells: Sequence[Cell],
    *,
    both_directions: bool = False,
    dropout_rate: float = 0.0,
    recurrent_dropout_rate: float = 0.0,
) -> Layer:
    """Makes the layers that read a window.

    Dropout is that of Gal and Ghahramani, which Keras calls `dropout` and
    `recurrent_dropout`: one mask per window, on what a layer reads and on what its
    recurrent products read.

    Args:
      cells: the cells, a layer each.
      both_directions: whether each layer reads in both directions; the outputs of the
        last one are then a pair.
      dropout_rate: the probability of zeroing inputs of a layer.
      recurrent_dropout_rate: that of zeroing what recurrent products read.

    Returns:
      The layer.

    Raises:
      ValueError: if there is no cell.
    """
    if not cells:
        raise ValueError("cells must be at least one, got none.")
    layers: list[Layer] = []
    for i, cell in enumerate(cells):
        if dropout_rate:
            layers.append(locked_dropout(dropout_rate))
        forward = variational_dropout(cell, recurrent_dropout_rate)
        if both_directions:
            backward = variational_dropout(cell, recurrent_dropout_rate, reverse=True)
            merge = keep_apart if i + 1 == len(cells) else concatenate
            layers.append(bidirectional(forward, backward, merge=merge))
        else:
            layers.append(forward)
    return stack(*layers)

"""Weights from and to Keras' SimpleRNN, GRU and LSTM."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnjax.base import Params
from rnnjax.cells.gru import gru
from rnnjax.convert.weights import (
    Maker,
    Weights,
    gates_of,
    matrix_shape,
    nothing_like,
    read_params,
    read_weights,
    reorder,
)

_ZRN = (1, 0, 2)  # z, r, n from r, z, n, and back


def from_keras(
    weights: Mapping[str, Any], maker: Maker, *, reset_after: bool = True
) -> Params:
    """Reads the weights of Keras' `SimpleRNN`, `GRU` or `LSTM`, or of their cells.

    A GRU's gates are put from Keras' order z, r, n into r, z, n. Where it resets after
    the product it has two biases, the rows of one array: those of the gates are added,
    a sum rounded once, and the candidate keeps both.

    Args:
      weights: arrays by Keras' names `kernel`, `recurrent_kernel` and `bias`:
        `{weight.name: weight.numpy() for weight in layer.weights}`. Of a
        `Bidirectional` layer, `forward_layer` and `backward_layer` are read in turn.
      maker: `elman`, `gru` or `lstm`. Activations are not among the weights.
      reset_after: that of Keras' `GRU`.

    Returns:
      The cell's parameters, as NumPy arrays.

    Raises:
      ValueError: if `maker` is none of these, or a weight is missing, unknown or of
        another shape.

    Example:
      >>> cell = rnnjax.gru(5)
      >>> weights = to_keras(cell.init(jax.random.key(0), 2), rnnjax.gru)
      >>> {name: weight.shape for name, weight in weights.items()}
      {'kernel': (2, 15), 'recurrent_kernel': (5, 15), 'bias': (2, 15)}
      >>> params = from_keras(weights, rnnjax.gru)
      >>> carry, outputs = rnnjax.unroll(cell, params, jnp.ones((7, 3, 2)))
      >>> outputs.shape
      (7, 3, 5)
    """
    num_gates = gates_of(maker)
    input_size, _ = matrix_shape("weights", weights, "kernel")
    hidden_size, _ = matrix_shape("weights", weights, "recurrent_kernel")
    width = num_gates * hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        "kernel": (input_size, width),
        "recurrent_kernel": (hidden_size, width),
    }
    if "bias" in weights:
        shapes["bias"] = (2, width) if maker is gru and reset_after else (width,)
    params = read_weights("weights", weights, shapes)
    return _read_gru(params, reset_after) if maker is gru else params


def to_keras(params: Params, maker: Maker) -> Weights:
    """Writes the weights of Keras' `SimpleRNN`, `GRU` or `LSTM`.

    Where a GRU has two biases, ours becomes the input's and the other one is zero but
    for the candidate's. `from_keras` gives back the same bits.

    Args:
      params: a cell's parameters; a GRU's tell by themselves where it resets.
      maker: what made the cell: `elman`, `gru` or `lstm`.

    Returns:
      NumPy arrays by Keras' names, in Keras' order:
      `layer.set_weights(list(weights.values()))`.

    Raises:
      ValueError: if `maker` is none of these, or a weight is missing, unknown or of
        another shape.
    """
    gates_of(maker)
    if maker is gru:
        reset_after = "candidate_kernel" not in params
        weights = _write_gru(read_params(params, gru, reset_after=reset_after))
    else:
        weights = read_params(params, maker)
    names = ("kernel", "recurrent_kernel", "bias")
    return {name: weights[name] for name in names if name in weights}


def _read_gru(weights, reset_after):
    params = {name: reorder(weight, _ZRN) for name, weight in weights.items()}
    places = [params["recurrent_kernel"].shape[0] * 2]
    if not reset_after:
        gates, candidate = np.split(params["recurrent_kernel"], places, axis=-1)
        params |= {"recurrent_kernel": gates, "candidate_kernel": candidate}
    elif "bias" in params:
        bias, recurrent_bias = params["bias"]
        gates, candidate = np.split(recurrent_bias, places)
        bias[: places[0]] += gates
        params |= {"bias": bias, "candidate_bias": candidate}
    return params


def _write_gru(params):
    weights = dict(params)
    if "candidate_kernel" in weights:
        matrices = weights["recurrent_kernel"], weights.pop("candidate_kernel")
        weights["recurrent_kernel"] = np.concatenate(matrices, axis=-1)
    if "candidate_bias" in weights:
        recurrent_bias = nothing_like(weights["bias"])
        candidate_bias = weights.pop("candidate_bias")
        recurrent_bias[-len(candidate_bias) :] = candidate_bias
        weights["bias"] = np.stack([weights["bias"], recurrent_bias])
    return {name: reorder(weight, _ZRN) for name, weight in weights.items()}

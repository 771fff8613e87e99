"""Weights from and to the cells of Flax NNX."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnjax.base import Params
from rnnjax.cells.gru import gru
from rnnjax.cells.lstm import lstm
from rnnjax.convert.linen import from_linen, to_linen
from rnnjax.convert.weights import (
    Maker,
    check_bias,
    check_reset,
    flat,
    gates_of,
    matrix_shape,
    nested,
    read_params,
    read_weights,
)


def from_nnx(weights: Mapping[str, Any], maker: Maker) -> Params:
    """Reads the weights of NNX' `SimpleCell`, `GRUCell`, `(Optimized)LSTMCell`.

    Gates are concatenated in our order, except in an `LSTMCell`, where each gate has
    its own matrices. A `GRUCell` has no bias between its reset gate and the
    recurrent product, so `candidate_bias` is zero.

    Args:
      weights: `nnx.to_pure_dict(nnx.state(cell, nnx.Param))`.
      maker: `elman`, `gru` or `lstm`. Activations and `SimpleCell`'s `residual`, which
        has no counterpart, are not among the weights.

    Returns:
      The cell's parameters, as NumPy arrays.

    Raises:
      ValueError: if `maker` is none of these, or a weight is missing or unknown or
        has another shape.

    Example:
      >>> cell = rnnjax.lstm(5)
      >>> weights = to_nnx(cell.init(jax.random.key(0), 2), rnnjax.lstm)
      >>> sorted(weights)
      ['dense_h', 'dense_i']
      >>> params = from_nnx(weights, rnnjax.lstm)
      >>> carry, outputs = rnnjax.unroll(cell, params, jnp.ones((7, 3, 2)))
      >>> outputs.shape
      (7, 3, 5)
    """
    num_gates = gates_of(maker)
    if maker is lstm and "if_" in weights:
        weights = dict(weights)
        return from_linen({"if": weights.pop("if_"), **weights}, lstm)
    weights = flat(weights)
    input_size, _ = matrix_shape("weights", weights, "dense_i/kernel")
    hidden_size, _ = matrix_shape("weights", weights, "dense_h/kernel")
    names = _names(maker)
    width = num_gates * hidden_size
    weights = read_weights(
        "weights",
        weights,
        {
            names["kernel"]: (input_size, width),
            names["recurrent_kernel"]: (hidden_size, width),
            names["bias"]: (width,),
        },
    )
    params = {own: weights[name] for own, name in names.items()}
    if maker is gru:
        params["candidate_bias"] = np.zeros_like(params["bias"][:hidden_size])
    return params


def to_nnx(params: Params, maker: Maker, *, optimized: bool = True) -> dict[str, Any]:
    """Writes the weights of NNX' `SimpleCell`, `GRUCell`, `(Optimized)LSTMCell`.

    `from_nnx` gives back the same bits.

    Args:
      params: a cell's parameters, with a bias; of a GRU, with a `candidate_bias` of
        zeros.
      maker: what made the cell: `elman`, `gru` or `lstm`.
      optimized: whether an LSTM's are for `OptimizedLSTMCell` or for `LSTMCell`.

    Returns:
      NumPy arrays in the tree that `nnx.to_pure_dict` gives of the cell:
      `nnx.update(cell, weights)`.

    Raises:
      ValueError: if `maker` is none of these, if a weight is missing, unknown or of
        another shape, if there is no bias, or if a GRU resets before the product or has
        a `candidate_bias` other than zero.
    """
    gates_of(maker)
    if maker is lstm and not optimized:
        weights = to_linen(params, lstm)
        return {"if_": weights.pop("if"), **weights}
    check_bias(params, "NNX")
    if maker is gru:
        check_reset(params, "NNX", reset_after=True)
    params = read_params(params, maker)
    if maker is gru and params["candidate_bias"].any():
        raise ValueError(
            "params['candidate_bias'] must be zeros, for NNX' GRUCell has none, "
            f"got {params['candidate_bias']}."
        )
    return nested({name: params[own] for own, name in _names(maker).items()})


def _names(maker):
    bias_side = "h" if maker is lstm else "i"
    return {
        "kernel": "dense_i/kernel",
        "recurrent_kernel": "dense_h/kernel",
        "bias": f"dense_{bias_side}/bias",
    }

"""Weights from and to the cells of Flax Linen."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnjax.base import Params
from rnnjax.cells.elman import elman
from rnnjax.cells.gru import gru
from rnnjax.cells.lstm import lstm
from rnnjax.convert.weights import (
    Maker,
    Weights,
    check_bias,
    check_reset,
    flat,
    gates_of,
    matrix_shape,
    nested,
    read_params,
    read_weights,
)

# the names of the gates, in our order, and the side whose matrix has the bias
_GATES = {elman: ("", "i"), gru: ("rzn", "i"), lstm: ("ifgo", "h")}


def from_linen(weights: Mapping[str, Any], maker: Maker) -> Params:
    """Reads the weights of Linen's `SimpleCell`, `GRUCell`, `(Optimized)LSTMCell`.

    Each gate has its own matrices, `ii` from the input and `hi` from the carry, which
    are concatenated.

    Args:
      weights: the cell's part of `variables["params"]`, which is under `cell` if
        `linen.RNN` runs it.
      maker: `elman`, `gru` or `lstm`. Activations and `SimpleCell`'s `residual`, which
        has no counterpart, are not among the weights.

    Returns:
      The cell's parameters, as NumPy arrays.

    Raises:
      ValueError: if `maker` is none of these, or a weight is missing or unknown or
        has another shape.

    Example:
      >>> cell = rnnjax.lstm(5)
      >>> weights = to_linen(cell.init(jax.random.key(0), 2), rnnjax.lstm)
      >>> sorted(weights)
      ['hf', 'hg', 'hi', 'ho', 'if', 'ig', 'ii', 'io']
      >>> params = from_linen(weights, rnnjax.lstm)
      >>> carry, outputs = rnnjax.unroll(cell, params, jnp.ones((7, 3, 2)))
      >>> outputs.shape
      (7, 3, 5)
    """
    gates, bias_side = _gates(maker)
    weights = flat(weights)
    input_size, _ = matrix_shape("weights", weights, f"i{gates[0]}/kernel")
    hidden_size, _ = matrix_shape("weights", weights, f"h{gates[0]}/kernel")
    shapes: dict[str, tuple[int, ...]] = {}
    for gate in gates:
        shapes[f"i{gate}/kernel"] = (input_size, hidden_size)
        shapes[f"h{gate}/kernel"] = (hidden_size, hidden_size)
        shapes[f"{bias_side}{gate}/bias"] = (hidden_size,)
    if maker is gru:
        shapes["hn/bias"] = (hidden_size,)
    weights = read_weights("weights", weights, shapes)

    def side_by_side(side, name):
        parts = [weights[f"{side}{gate}/{name}"] for gate in gates]
        return np.concatenate(parts, axis=-1)

    params = {
        "kernel": side_by_side("i", "kernel"),
        "recurrent_kernel": side_by_side("h", "kernel"),
        "bias": side_by_side(bias_side, "bias"),
    }
    if maker is gru:
        params["candidate_bias"] = weights["hn/bias"]
    return params


def to_linen(params: Params, maker: Maker) -> dict[str, Weights]:
    """Writes the weights of Linen's `SimpleCell`, `GRUCell`, `(Optimized)LSTMCell`.

    `from_linen` gives back the same bits.

    Args:
      params: a cell's parameters, with a bias.
      maker: what made the cell: `elman`, `gru` or `lstm`.

    Returns:
      The cell's part of `variables["params"]`, in NumPy arrays.

    Raises:
      ValueError: if `maker` is none of these, if a weight is missing or unknown or has
        another shape, if there is no bias, or if a GRU resets before the product.
    """
    gates, bias_side = _gates(maker)
    check_bias(params, "Linen")
    if maker is gru:
        check_reset(params, "Linen", reset_after=True)
    params = read_params(params, maker)
    sides = (
        ("i", "kernel", "kernel"),
        ("h", "kernel", "recurrent_kernel"),
        (bias_side, "bias", "bias"),
    )
    weights = {}
    for side, name, own in sides:
        for gate, part in zip(gates, np.split(params[own], len(gates), axis=-1)):
            weights[f"{side}{gate}/{name}"] = part.copy()
    if maker is gru:
        weights["hn/bias"] = params["candidate_bias"]
    return nested(weights)


def _gates(maker):
    names, bias_side = gates_of(maker, _GATES)
    return list(names) or [""], bias_side

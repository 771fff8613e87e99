"""Weights from and to Equinox' GRUCell and LSTMCell."""

from collections.abc import Mapping
from typing import Any

from rnnjax.base import Params
from rnnjax.cells.gru import gru
from rnnjax.cells.lstm import lstm
from rnnjax.convert.weights import (
    Maker,
    Weights,
    check_reset,
    gates_of,
    matrix_shape,
    read_params,
    read_weights,
)

_NUM_GATES = {gru: 3, lstm: 4}
_NAMES = {
    "kernel": "weight_ih",
    "recurrent_kernel": "weight_hh",
    "bias": "bias",
    "candidate_bias": "bias_n",
}


def from_equinox(weights: Mapping[str, Any], maker: Maker) -> Params:
    """Reads the weights of Equinox' `GRUCell` or `LSTMCell`.

    Its matrices are transposed; its gates are in the same order.

    Args:
      weights: the cell's arrays by their names:
        `{name: x for name, x in vars(cell).items() if equinox.is_array(x)}`.
      maker: `gru` or `lstm`.

    Returns:
      The cell's parameters, as NumPy arrays.

    Raises:
      ValueError: if `maker` is none of these, or a weight is missing or unknown or
        has another shape.

    Example:
      >>> cell = rnnjax.gru(5)
      >>> weights = to_equinox(cell.init(jax.random.key(0), 2), rnnjax.gru)
      >>> sorted(weights)
      ['bias', 'bias_n', 'weight_hh', 'weight_ih']
      >>> params = from_equinox(weights, rnnjax.gru)
      >>> carry, outputs = rnnjax.unroll(cell, params, jnp.ones((7, 3, 2)))
      >>> outputs.shape
      (7, 3, 5)
    """
    num_gates = gates_of(maker, _NUM_GATES)
    _, input_size = matrix_shape("weights", weights, "weight_ih")
    _, hidden_size = matrix_shape("weights", weights, "weight_hh")
    width = num_gates * hidden_size
    shapes = {"weight_ih": (width, input_size), "weight_hh": (width, hidden_size)}
    has_bias = "bias" in weights or "bias_n" in weights
    shapes |= {"bias": (width,)} if has_bias else {}
    shapes |= {"bias_n": (hidden_size,)} if has_bias and maker is gru else {}
    weights = read_weights("weights", weights, shapes)
    return {
        own: weights[name].T.copy() for own, name in _NAMES.items() if name in weights
    }


def to_equinox(params: Params, maker: Maker) -> Weights:
    """Writes the weights of Equinox' `GRUCell` or `LSTMCell`.

    `from_equinox` gives back the same bits.

    Args:
      params: a cell's parameters.
      maker: what made the cell: `gru` or `lstm`.

    Returns:
      NumPy arrays by the names of the cell's attributes, for `equinox.tree_at`.

    Raises:
      ValueError: if `maker` is none of these, if a weight is missing or unknown or
        has another shape, or if a GRU resets before the product.
    """
    gates_of(maker, _NUM_GATES)
    if maker is gru:
        check_reset(params, "Equinox", reset_after=True)
    params = read_params(params, maker)
    return {_NAMES[own]: weight.T.copy() for own, weight in params.items()}

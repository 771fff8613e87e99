"""Weights from and to Haiku's VanillaRNN, GRU and LSTM."""

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
    nothing_like,
    read_params,
    read_weights,
    reorder,
)

_IGFO = (0, 2, 1, 3)  # i, g, f, o from i, f, g, o, and back
_ZRN = (1, 0, 2)  # z, r, n from r, z, n, and back


def from_haiku(weights: Mapping[str, Any], maker: Maker, name: str) -> Params:
    """Reads the weights of Haiku's `VanillaRNN`, `GRU` or `LSTM`.

    - `VanillaRNN`: its activation is always `relu`. Two biases are added, which rounds
      once.
    - `GRU`: resets before the product. Its gates are reordered from z, r, n to r, z, n.
      It updates by 1 - z where we do by z, and 1 - σ(x) = σ(-x), so the weights of the
      update gate change sign.
    - `LSTM`: one matrix over [x, h] is split in two, the gates are reordered from
      i, g, f, o to i, f, g, o, and the 1 that Haiku's step adds to the forget gate is
      added to its bias. That sum must be exact. For most trained float32 biases it is
      not; it is after all weights are converted to float64, except for biases very
      close to zero.

    Args:
      weights: Haiku's parameters; only those of the core's modules are read.
      maker: `elman`, `gru` or `lstm`.
      name: the core's module name, such as "lstm".

    Returns:
      The cell's parameters, as NumPy arrays.

    Raises:
      ValueError: if `maker` is none of these, if a weight is missing or unknown or has
        another shape, or if an LSTM's forget bias plus 1 is not exact.

    Example:
      >>> cell = rnnjax.gru(5, reset_after=False)
      >>> weights = to_haiku(cell.init(jax.random.key(0), 2), rnnjax.gru, "gru")
      >>> {name: weight.shape for name, weight in weights["gru"].items()}
      {'w_i': (2, 15), 'w_h': (5, 15), 'b': (15,)}
      >>> params = from_haiku(weights, rnnjax.gru, "gru")
      >>> carry, outputs = rnnjax.unroll(cell, params, jnp.ones((7, 3, 2)))
      >>> outputs.shape
      (7, 3, 5)
    """
    read, _ = gates_of(maker, _CORES)
    own = {
        module.removeprefix(name).removeprefix("/"): arrays
        for module, arrays in weights.items()
        if module == name or module.startswith(name + "/")
    }
    return read({path.removeprefix("/"): x for path, x in flat(own).items()})


def to_haiku(
    params: Params, maker: Maker, name: str, *, double_bias: bool = True
) -> dict[str, Weights]:
    """Writes the weights of Haiku's `VanillaRNN`, `GRU` or `LSTM`.

    What changes is under `from_haiku`, which gives back the same bits.

    Args:
      params: a cell's parameters, with a bias.
      maker: what made the cell: `elman` with `relu`, `gru` with `reset_after=False`, or
        `lstm`.
      name: the core's module name, such as "lstm".
      double_bias: that of `VanillaRNN`; its second bias is zero.

    Returns:
      NumPy arrays by module and name, as Haiku has them.

    Raises:
      ValueError: if `maker` is none of these, if a weight is missing, unknown or of
        another shape, if there is no bias, if a GRU resets after the product, or if an
        LSTM's forget bias less 1 is not exact.
    """
    _, write = gates_of(maker, _CORES)
    check_bias(params, "Haiku")
    if maker is gru:
        check_reset(params, "Haiku", reset_after=False)
        weights = write(read_params(params, gru, reset_after=False))
    else:
        weights = write(read_params(params, maker))
    if maker is elman and not double_bias:
        del weights["linear_1/b"]
    return nested({f"{name}/{path}": weight for path, weight in weights.items()})


def _read_elman(weights):
    input_size, _ = matrix_shape("weights", weights, "linear/w")
    hidden_size, _ = matrix_shape("weights", weights, "linear_1/w")
    shapes = {
        "linear/w": (input_size, hidden_size),
        "linear/b": (hidden_size,),
        "linear_1/w": (hidden_size, hidden_size),
    }
    shapes |= {"linear_1/b": (hidden_size,)} if "linear_1/b" in weights else {}
    weights = read_weights("weights", weights, shapes)
    params = {"kernel": weights["linear/w"], "recurrent_kernel": weights["linear_1/w"]}
    params["bias"] = weights["linear/b"]
    if "linear_1/b" in weights:
        params["bias"] += weights["linear_1/b"]
    return params


def _write_elman(params):
    return {
        "linear/w": params["kernel"],
        "linear/b": params["bias"],
        "linear_1/w": params["recurrent_kernel"],
        "linear_1/b": nothing_like(params["bias"]),
    }


def _read_gru(weights):
    input_size, _ = matrix_shape("weights", weights, "w_i")
    hidden_size, _ = matrix_shape("weights", weights, "w_h")
    width = 3 * hidden_size
    shapes = {"w_i": (input_size, width), "w_h": (hidden_size, width), "b": (width,)}
    weights = read_weights("weights", weights, shapes)
    ours = {name: _flip_update(reorder(x, _ZRN)) for name, x in weights.items()}
    gates, candidate = np.split(ours["w_h"], [2 * hidden_size], axis=-1)
    return {
        "kernel": ours["w_i"],
        "recurrent_kernel": gates,
        "candidate_kernel": candidate,
        "bias": ours["b"],
    }


def _write_gru(params):
    matrices = params["recurrent_kernel"], params["candidate_kernel"]
    weights = {
        "w_i": params["kernel"],
        "w_h": np.concatenate(matrices, axis=-1),
        "b": params["bias"],
    }
    return {name: reorder(_flip_update(x), _ZRN) for name, x in weights.items()}


def _flip_update(gates):
    """Changes the sign of z in r, z, n."""
    r, z, n = np.split(gates, 3, axis=-1)
    return np.concatenate([r, -z, n], axis=-1)


def _read_lstm(weights):
    rows, width = matrix_shape("weights", weights, "linear/w")
    hidden_size = width // 4
    if width != 4 * hidden_size or rows <= hidden_size:
        raise ValueError(
            "weights['linear/w'] must have shape (input_size + hidden_size, 4 * "
            f"hidden_size), got {(rows, width)}."
        )
    weights = read_weights(
        "weights", weights, {"linear/w": (rows, width), "linear/b": (width,)}
    )
    ours = {name: reorder(x, _IGFO) for name, x in weights.items()}
    kernel, recurrent = np.split(ours["linear/w"], [rows - hidden_size])
    bias = _add_to_forget_bias(ours["linear/b"], 1)
    return {"kernel": kernel, "recurrent_kernel": recurrent, "bias": bias}


def _write_lstm(params):
    matrices = params["kernel"], params["recurrent_kernel"]
    bias = _add_to_forget_bias(params["bias"], -1)
    return {
        "linear/w": reorder(np.concatenate(matrices), _IGFO),
        "linear/b": reorder(bias, _IGFO),
    }


def _add_to_forget_bias(bias, amount):
    i, f, g, o = np.split(bias, 4)
    amount = f.dtype.type(amount)
    moved = f + amount
    inexact = f[moved - amount != f]
    if inexact.size:
        raise ValueError(
            "the forget gate's bias must be such that the 1 which Haiku's step adds to "
            f"it can be {'added' if amount > 0 else 'taken off'} exactly in {f.dtype}, "
            f"got {inexact[0]!s}; in float64 it mostly can."
        )
    return np.concatenate([i, moved, g, o])


_CORES = {
    elman: (_read_elman, _write_elman),
    gru: (_read_gru, _write_gru),
    lstm: (_read_lstm, _write_lstm),
}

"""Weights from and to Keras' SimpleRNN, GRU and LSTM."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnjax.base import Params
from rnnjax.cells.gru import gru
from rnnjax.convert.weights import (
    Maker,
    Weights,
    flat,
    gates_of,
    matrix_shape,
    nothing_like,
    read_params,
    read_weights,
    reorder,
)

_ZRN = (1, 0, 2)  # z, r, n from r, z, n, and back
_NAMES = ("kernel", "recurrent_kernel", "bias")


def from_keras(
    weights: Mapping[str, Any],
    maker: Maker,
    *,
    reset_after: bool = True,
    prefix: str = "",
) -> Params:
    """Reads the weights of Keras' `SimpleRNN`, `GRU` or `LSTM`, or of their cells.

    A GRU's gates are reordered from Keras' z, r, n to r, z, n. If it resets after the
    product it has two biases, the rows of one array: those of the gates are added,
    which rounds once, and the candidate keeps both.

    The weights of `CuDNNLSTM` and `CuDNNGRU` are recognised by their bias, one vector
    of twice the length, and their kernels, which are stored transposed, are converted.

    Args:
      weights: arrays by Keras' names `kernel`, `recurrent_kernel` and `bias`:
        `{weight.name: weight.numpy() for weight in layer.weights}`. Names of variables
        and of HDF5 files such as `lstm_1/lstm_1/kernel:0` are accepted, as are nested
        mappings, such as an open `h5py.File`, and the `cell/vars/0` of Keras 3.
      maker: `elman`, `gru` or `lstm`. Activations are not among the weights.
      reset_after: as given to Keras' `GRU`.
      prefix: the layer's name within a larger model, such as "lstm_1" or
        "bidirectional/forward_lstm": only names that begin with it are read.

    Returns:
      The cell's parameters, as NumPy arrays.

    Raises:
      ValueError: if `maker` is none of these, if no name begins with the prefix, if the
        weights are those of several layers, or if a weight is missing or unknown or has
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
    weights = _of_one_layer(flat(weights), prefix)
    input_size, _ = matrix_shape("weights", weights, "kernel")
    hidden_size, _ = matrix_shape("weights", weights, "recurrent_kernel")
    width = num_gates * hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        "kernel": (input_size, width),
        "recurrent_kernel": (hidden_size, width),
    }
    is_cudnn = np.shape(weights.get("bias", 0)) == (2 * width,) and num_gates > 1
    if is_cudnn:
        if maker is gru and not reset_after:
            raise ValueError(
                "reset_after must be True for the weights of CuDNNGRU, got False."
            )
        shapes["bias"] = (2 * width,)
    elif "bias" in weights:
        shapes["bias"] = (2, width) if maker is gru and reset_after else (width,)
    params = read_weights("weights", weights, shapes)
    if is_cudnn:
        params = _from_cudnn(params, num_gates)
        if maker is not gru:
            params["bias"] = params["bias"].sum(axis=0, dtype=params["bias"].dtype)
    return _read_gru(params, reset_after) if maker is gru else params


def to_keras(params: Params, maker: Maker) -> Weights:
    """Writes the weights of Keras' `SimpleRNN`, `GRU` or `LSTM`.

    If a GRU has two biases, ours becomes that of the input and the other one is zero
    except for the candidate. `from_keras` gives back the same bits.

    Args:
      params: a cell's parameters; those of a GRU determine where it resets.
      maker: what made the cell: `elman`, `gru` or `lstm`.

    Returns:
      NumPy arrays by Keras' names, in Keras' order:
      `layer.set_weights(list(weights.values()))`.

    Raises:
      ValueError: if `maker` is none of these, or if a weight is missing or unknown or
        has another shape.
    """
    gates_of(maker)
    if maker is gru:
        reset_after = "candidate_kernel" not in params
        weights = _write_gru(read_params(params, gru, reset_after=reset_after))
    else:
        weights = read_params(params, maker)
    return {name: weights[name] for name in _NAMES if name in weights}


def _of_one_layer(weights, prefix):
    """Returns the weights of one layer by their own names."""
    start = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    layers = {}
    for name, weight in weights.items():
        path, _, own = name.partition(":")[0].rpartition("/")
        if path.endswith("vars") and own in ("0", "1", "2"):
            path, own = path.rpartition("/")[0], _NAMES[int(own)]
        if f"{path}/".startswith(start):
            layers.setdefault(path, {})[own] = weight
    if start:
        found = {path: own for path, own in layers.items() if "recurrent_kernel" in own}
        layers = found or layers
    if len(layers) > 1 or (start and not layers):
        got = ", ".join(sorted(layers)) or f"none that begins with {prefix!r}"
        raise ValueError(
            f"weights must be those of one layer, which prefix may choose, got {got}."
        )
    return next(iter(layers.values()), {})


def _from_cudnn(params, num_gates):
    """Returns Keras' own layout; the biases are the rows of one array.

    cuDNN's memory holds each gate's matrix transposed, under the shape of the other.
    """

    def transposed(kernels):
        gates = np.split(kernels, num_gates, axis=1)
        rows, columns = gates[0].shape
        return np.concatenate([x.reshape(columns, rows).T for x in gates], axis=1)

    return {
        "kernel": transposed(params["kernel"]),
        "recurrent_kernel": transposed(params["recurrent_kernel"]),
        "bias": params["bias"].reshape(2, -1),
    }


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

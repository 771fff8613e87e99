"""Weights from and to PyTorch's RNN, GRU and LSTM; PyTorch itself is not needed."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rnnjax.base import Params
from rnnjax.cells.gru import gru
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.convert.weights import (
    NUM_GATES,
    Maker,
    Weights,
    check_reset,
    gates_of,
    matrix_shape,
    nothing_like,
    read_params,
    read_weights,
)

_NUM_GATES = {**NUM_GATES, lstm_projected: 4}
_NAME = re.compile(r"(weight|bias)_[ih][hr](_l\d+(_reverse)?)?")


def from_pytorch(
    state_dict: Mapping[str, Any], maker: Maker, *, prefix: str = ""
) -> tuple[Params, ...]:
    """Reads the weights of PyTorch's `RNN`, `GRU` or `LSTM`, or of their cells.

    Its matrices are transposed; its gates are in the same order. Its two biases are
    added, which rounds once; only the candidate of a GRU keeps both, since the reset
    gate is applied between them.

    Args:
      state_dict: what `module.state_dict()` returns: tensors or arrays by PyTorch's
        names, such as `weight_ih_l0` and `weight_hh_l1_reverse`, or `weight_ih` of an
        `LSTMCell`. The `module.` of `DataParallel` and the `_orig_mod.` of
        `torch.compile` are dropped. bfloat16 is kept.
      maker: `elman`, `gru`, `lstm`, or `lstm_projected` if there is a `proj_size`.
        The activation of an `RNN` is not among the weights.
      prefix: the module's name within a larger model, such as "encoder.rnn": only names
        that begin with it are read.

    Returns:
      Parameters of a `stack`, one entry per layer, as NumPy arrays: the cell's own
      under `recurrent`, or a dict of `forward` and `backward` under `bidirectional`. A
      cell's are the only entry.

    Raises:
      ValueError: if `maker` is none of these, if no name begins with the prefix, or if
        a weight is missing or unknown or has another shape.

    Example:
      >>> cell = rnnjax.lstm(5)
      >>> layer = rnnjax.stack(rnnjax.recurrent(cell), rnnjax.recurrent(cell))
      >>> state_dict = to_pytorch(layer.init(jax.random.key(0), 2), rnnjax.lstm)
      >>> sorted(state_dict)[:4]
      ['bias_hh_l0', 'bias_hh_l1', 'bias_ih_l0', 'bias_ih_l1']
      >>> params = from_pytorch(state_dict, rnnjax.lstm)
      >>> carry, outputs = layer.apply(params, None, jnp.ones((7, 3, 2)))
      >>> outputs.shape
      (7, 3, 5)
    """
    num_gates = gates_of(maker, _NUM_GATES)
    state_dict = _within(state_dict, prefix)
    suffixes = _suffixes(state_dict)
    weights = read_weights(
        "state_dict", state_dict, _shapes(state_dict, maker, num_gates, suffixes)
    )
    layers = []
    for directions in suffixes:
        cells = [_read_cell(weights, suffix, maker) for suffix in directions]
        both = len(cells) == 2
        layers.append(dict(zip(("forward", "backward"), cells)) if both else cells[0])
    return tuple(layers)


def to_pytorch(params: Sequence[Params], maker: Maker) -> Weights:
    """Writes the weights of PyTorch's `RNN`, `GRU` or `LSTM`.

    Our bias becomes `bias_ih`; `bias_hh`, which PyTorch adds to it, is zero except for
    the candidate of a GRU. `from_pytorch` gives back the same bits.

    Args:
      params: parameters of a `stack`, one entry per layer, as `from_pytorch` returns.
      maker: what made their cells: `elman`, `gru`, `lstm` or `lstm_projected`.

    Returns:
      NumPy arrays by PyTorch's names. `module.load_state_dict` wants tensors:
      `{name: torch.from_numpy(x) for name, x in weights.items()}`.

    Raises:
      ValueError: if `maker` is none of these, if a weight is missing or unknown or has
        another shape, if the layers differ in their directions or biases, or if a GRU
        resets before the product.
    """
    num_gates = gates_of(maker, _NUM_GATES)
    weights: Weights = {}
    for i, layer in enumerate(params):
        for direction in _directions(layer):
            where = f"params[{i}]" + (f"[{direction!r}]" if direction else "")
            cell = layer[direction] if direction else layer
            if maker is gru:
                check_reset(cell, "PyTorch", reset_after=True)
            suffix = f"_l{i}" + ("_reverse" if direction == "backward" else "")
            cell = read_params(cell, maker, argument=where)
            weights |= {name + suffix: x for name, x in _write_cell(cell).items()}
    if not weights:
        raise ValueError("params must be those of at least one layer, got none.")
    # the layers must fit together as those of one module
    shapes = _shapes(weights, maker, num_gates, _suffixes(weights))
    return read_weights("state_dict", weights, shapes)


def _within(state_dict, prefix):
    """Returns the weights of one module by their own names, a cell's as of layer 0."""
    wrapper = re.compile(r"^((module|_orig_mod)\.)+")
    weights = {wrapper.sub("", name): weight for name, weight in state_dict.items()}
    start = wrapper.sub("", f"{prefix.rstrip('.')}.") if prefix.strip(".") else ""
    own = {
        name.removeprefix(start): weight
        for name, weight in weights.items()
        if name.startswith(start)
    }
    if not any(_NAME.fullmatch(name) for name in own):
        found = _prefixes(weights)
        if found:
            raise ValueError(
                f"prefix must be one of {', '.join(map(repr, found))}, the modules in "
                f"state_dict that have recurrent weights, got {prefix!r}."
            )
    return {
        f"{name}_l0" if re.fullmatch(r"(weight|bias)_[ih]h", name) else name: weight
        for name, weight in own.items()
    }


def _prefixes(names: Iterable[str]) -> list[str]:
    parts = (name.rpartition(".") for name in names)
    return sorted({prefix for prefix, _, own in parts if _NAME.fullmatch(own)})


def _suffixes(state_dict):
    """Returns the endings of the names: for each layer those of its directions."""
    found = [re.fullmatch(r"\w+_l(\d+)(_reverse)?", name) for name in state_dict]
    num_layers = max((int(match[1]) + 1 for match in found if match), default=1)
    both = any(match and match[2] for match in found)
    ends = ("", "_reverse") if both else ("",)
    return [[f"_l{i}{end}" for end in ends] for i in range(num_layers)]


def _shapes(weights, maker, num_gates, suffixes):
    """Returns the shapes of all weights, in PyTorch's order, from those of layer 0."""
    _, input_size = matrix_shape("state_dict", weights, "weight_ih_l0")
    _, output_size = matrix_shape("state_dict", weights, "weight_hh_l0")
    hidden_size = output_size
    if maker is lstm_projected:
        output_size, hidden_size = matrix_shape("state_dict", weights, "weight_hr_l0")
    width = num_gates * hidden_size
    has_bias = any(name.startswith("bias_") for name in weights)
    shapes = {}
    for directions in suffixes:
        for suffix in directions:
            shapes["weight_ih" + suffix] = (width, input_size)
            shapes["weight_hh" + suffix] = (width, output_size)
            if has_bias:
                shapes["bias_ih" + suffix] = shapes["bias_hh" + suffix] = (width,)
            if maker is lstm_projected:
                shapes["weight_hr" + suffix] = (output_size, hidden_size)
        input_size = len(directions) * output_size
    return shapes


def _directions(layer):
    return ("forward", "backward") if "forward" in layer else ("",)


def _read_cell(weights, suffix, maker):
    params = {
        "kernel": weights["weight_ih" + suffix].T.copy(),
        "recurrent_kernel": weights["weight_hh" + suffix].T.copy(),
    }
    if maker is lstm_projected:
        params["projection_kernel"] = weights["weight_hr" + suffix].T.copy()
    if "bias_ih" + suffix in weights:
        bias, recurrent_bias = (weights[f"bias_{x}h{suffix}"] for x in "ih")
        if maker is gru:
            candidate = len(bias) // 3 * 2
            params["candidate_bias"] = recurrent_bias[candidate:].copy()
            recurrent_bias[candidate:] = -0.0
        params["bias"] = bias + recurrent_bias
    return params


def _write_cell(params):
    weights = {
        "weight_ih": params["kernel"].T.copy(),
        "weight_hh": params["recurrent_kernel"].T.copy(),
    }
    if "bias" in params:
        weights["bias_ih"] = params["bias"]
        weights["bias_hh"] = nothing_like(params["bias"])
    if "candidate_bias" in params:
        weights["bias_hh"][-len(params["candidate_bias"]) :] = params["candidate_bias"]
    if "projection_kernel" in params:
        weights["weight_hr"] = params["projection_kernel"].T.copy()
    return weights

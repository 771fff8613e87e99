"""Shared by all converters: checks of names and shapes, and orders of gates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from rnnjax.base import Cell, Params
from rnnjax.cells.elman import elman
from rnnjax.cells.gru import gru
from rnnjax.cells.lstm import lstm
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.parameters import written_shape

Maker = Callable[..., Cell]
Shapes = Mapping[str, tuple[int, ...]]
Weights = dict[str, np.ndarray]

NUM_GATES: Mapping[Maker, int] = {elman: 1, gru: 3, lstm: 4}


def gates_of(maker: Maker, known: Mapping[Maker, Any] = NUM_GATES) -> Any:
    """Returns `known[maker]`.

    Raises:
      ValueError: if there is no such entry.
    """
    if maker not in known:
        names = " or ".join(own.__name__ for own in known)
        got = getattr(maker, "__name__", repr(maker))
        raise ValueError(f"maker must be {names}, got {got}.")
    return known[maker]


def read_weights(argument: str, weights: Mapping[str, Any], shapes: Shapes) -> Weights:
    """Copies weights to NumPy after checking their names, shapes and dtypes.

    Args:
      argument: the caller's name for them.
      weights: arrays by name, PyTorch's tensors too; `flat` makes a dict of a pytree.
      shapes: the expected shapes by name.

    Raises:
      ValueError: if a name is missing or unknown, or a weight has another shape or no
        floating dtype.
    """
    for name in shapes:
        _check_present(argument, weights, name)
    unknown = sorted(weights.keys() - shapes.keys())
    if unknown:
        names = ", ".join(shapes)
        raise ValueError(
            f"{argument} must have no names but {names}, got {', '.join(unknown)} too."
        )
    for name, shape in shapes.items():
        if np.shape(weights[name]) != tuple(shape):
            raise ValueError(
                f"{argument}[{name!r}] must be {written_shape(shape)}, "
                f"got {written_shape(np.shape(weights[name]))}."
            )
    # copies: a view would change with the other framework's next update
    copies = {name: to_numpy(weights[name]).copy() for name in shapes}
    for name, copy in copies.items():
        if not jax.numpy.issubdtype(copy.dtype, np.floating):
            raise ValueError(
                f"{argument}[{name!r}] must be floating, "
                f"got {copy.dtype}{written_shape(copy.shape)}."
            )
    return copies


def to_numpy(weight: Any) -> np.ndarray:
    """Returns a weight as a NumPy array.

    A PyTorch tensor may need a gradient, be on another device, or be of bfloat16, which
    PyTorch itself does not hand to NumPy: it passes through float32 without rounding.
    """
    if hasattr(weight, "detach"):
        weight = weight.detach().cpu()
    if str(getattr(weight, "dtype", "")) == "torch.bfloat16":
        return np.asarray(weight.float()).astype(jax.numpy.bfloat16)
    return np.asarray(weight)


def matrix_shape(
    argument: str, weights: Mapping[str, Any], name: str
) -> tuple[int, int]:
    """Returns the shape of a matrix, from which sizes are read.

    Raises:
      ValueError: if it is missing, or not a matrix.
    """
    _check_present(argument, weights, name)
    shape = np.shape(weights[name])
    if len(shape) != 2:
        raise ValueError(
            f"{argument}[{name!r}] must be a matrix, got {written_shape(shape)}."
        )
    return shape[0], shape[1]


def read_params(
    params: Params, maker: Maker, *, argument: str = "params", **options: Any
) -> Weights:
    """Copies a cell's parameters to NumPy after checking them against `maker`'s.

    Args:
      params: the cell's parameters, with or without a bias.
      maker: makes the cell, whose `init` determines names and shapes.
      argument: the caller's name for them.
      **options: the maker's options.

    Raises:
      ValueError: as `read_weights`.
    """
    input_size, _ = matrix_shape(argument, params, "kernel")
    sizes = [matrix_shape(argument, params, "recurrent_kernel")[0]]
    if maker is lstm_projected:
        sizes.insert(0, matrix_shape(argument, params, "projection_kernel")[0])
    cell = maker(*sizes, use_bias="bias" in params, **options)
    init = jax.eval_shape(lambda: cell.init(jax.random.key(0), input_size))
    return read_weights(argument, params, {name: x.shape for name, x in init.items()})


def check_bias(params: Params, framework: str) -> None:
    """Checks that parameters have a bias, as a framework's cells always have.

    Raises:
      ValueError: if they have none.
    """
    if "bias" not in params:
        raise ValueError(
            f"params must have a bias, as {framework}'s cells always do, "
            f"got {_names(params)}."
        )


def check_reset(params: Params, framework: str, *, reset_after: bool) -> None:
    """Checks that a GRU's parameters are of the form that a framework computes.

    Raises:
      ValueError: if they are of the other form.
    """
    if ("candidate_kernel" not in params) != reset_after:
        raise ValueError(
            f"params must be of gru(..., reset_after={reset_after}), the form that "
            f"{framework}'s GRU computes, "
            f"got {_names(params)}."
        )


def reorder(gates: np.ndarray, order: Sequence[int], axis: int = -1) -> np.ndarray:
    """Reorders gates that are concatenated along an axis.

    Example:
      >>> reorder(np.array([1, 2, 3, 4, 5, 6]), (1, 0, 2))
      array([3, 4, 1, 2, 5, 6])
    """
    parts = np.split(gates, len(order), axis=axis)
    return np.concatenate([parts[i] for i in order], axis=axis)


def nothing_like(bias: np.ndarray) -> np.ndarray:
    """Returns a bias of -0.0: adding it keeps every bit, that of -0.0 too."""
    return np.full_like(bias, -0.0)


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns nested dicts as one dict, with names joined by "/".

    Example:
      >>> flat({"ii": {"kernel": 1}, "hi": {"kernel": 2, "bias": 3}})
      {'ii/kernel': 1, 'hi/kernel': 2, 'hi/bias': 3}
    """
    joined = {}
    for name, branch in tree.items():
        if isinstance(branch, Mapping):
            joined |= {f"{name}/{rest}": leaf for rest, leaf in flat(branch).items()}
        else:
            joined[name] = branch
    return joined


def nested(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Undoes `flat` for dicts two levels deep."""
    tree: dict[str, Any] = {}
    for name, leaf in weights.items():
        branch, own = name.rsplit("/", 1)
        tree.setdefault(branch, {})[own] = leaf
    return tree


def _check_present(argument, weights, name):
    if not isinstance(weights, Mapping) or name not in weights:
        raise ValueError(f"{argument} must have {name}, got {_names(weights)}.")


def _names(weights):
    if not isinstance(weights, Mapping):
        return f"a {type(weights).__name__}"
    return ", ".join(sorted(weights)) or "nothing"

"""What all converters share: names and shapes checked, gates put in order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from rnnjax.base import Cell, Params
from rnnjax.cells.elman import elman
from rnnjax.cells.gru import gru
from rnnjax.cells.lstm import lstm
from rnnjax.cells.lstm_projected import lstm_projected

Maker = Callable[..., Cell]
Shapes = Mapping[str, tuple[int, ...]]
Weights = dict[str, np.ndarray]

NUM_GATES: Mapping[Maker, int] = {elman: 1, gru: 3, lstm: 4}


def gates_of(maker: Maker, known: Mapping[Maker, Any] = NUM_GATES) -> Any:
    """Returns what `known` says of a maker.

    Raises:
      ValueError: if it says nothing of it.
    """
    if maker not in known:
        names = " or ".join(own.__name__ for own in known)
        got = getattr(maker, "__name__", repr(maker))
        raise ValueError(f"maker must be {names}, got {got}.")
    return known[maker]


def read_weights(argument: str, weights: Mapping[str, Any], shapes: Shapes) -> Weights:
    """Copies weights to NumPy, having checked that they are those of `shapes`.

    Args:
      argument: how the caller names them.
      weights: arrays by name; `flat` makes such a dict of a tree.
      shapes: the shapes expected, all names and no others.

    Raises:
      ValueError: if a name is missing or unknown, or a weight is of another shape or
        does not float.
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
            got = np.shape(weights[name])
            raise ValueError(
                f"{argument}[{name!r}] must have shape {tuple(shape)}, got {got}."
            )
    # copies: a view would change with the other framework's next update
    copies = {name: np.asarray(weights[name]).copy() for name in shapes}
    for name, copy in copies.items():
        if not jax.numpy.issubdtype(copy.dtype, np.floating):
            raise ValueError(
                f"{argument}[{name!r}] must be of a floating dtype, got {copy.dtype}."
            )
    return copies


def matrix_shape(
    argument: str, weights: Mapping[str, Any], name: str
) -> tuple[int, int]:
    """Returns the shape of a weight that tells sizes.

    Raises:
      ValueError: if it is missing, or no matrix.
    """
    _check_present(argument, weights, name)
    shape = np.shape(weights[name])
    if len(shape) != 2:
        raise ValueError(f"{argument}[{name!r}] must be a matrix, got shape {shape}.")
    return shape[0], shape[1]


def read_params(
    params: Params, maker: Maker, *, argument: str = "params", **options: Any
) -> Weights:
    """Copies a cell's parameters to NumPy, having checked that they are `maker`'s.

    Args:
      params: the cell's parameters, with or without a bias.
      maker: makes the cell; its own `init` says what they must look like.
      argument: how the caller names them.
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
    """Checks that parameters have the bias which a framework's cells always have.

    Raises:
      ValueError: if they have none.
    """
    if "bias" not in params:
        raise ValueError(
            f"params must have a bias, for {framework}'s cells always have one, "
            f"got {_names(params)}."
        )


def check_reset(params: Params, framework: str, *, reset_after: bool) -> None:
    """Checks that a GRU's parameters reset where a framework's GRU does.

    Raises:
      ValueError: if they are those of the other form.
    """
    if ("candidate_kernel" not in params) != reset_after:
        raise ValueError(
            f"params must be of gru(..., reset_after={reset_after}), for so does "
            f"{framework}'s GRU, and the other form is another function, "
            f"got {_names(params)}."
        )


def reorder(gates: np.ndarray, order: Sequence[int], axis: int = -1) -> np.ndarray:
    """Puts gates that stand side by side on an axis in another order.

    Example:
      >>> reorder(np.array([1, 2, 3, 4, 5, 6]), (1, 0, 2))
      array([3, 4, 1, 2, 5, 6])
    """
    parts = np.split(gates, len(order), axis=axis)
    return np.concatenate([parts[i] for i in order], axis=axis)


def nothing_like(bias: np.ndarray) -> np.ndarray:
    """Returns a bias that adds nothing: x + -0.0 is x, bit by bit, for -0.0 too."""
    return np.full_like(bias, -0.0)


def flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a tree of dicts as one dict, its names joined by "/".

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
    """Undoes `flat` where the tree was two deep."""
    tree: dict[str, Any] = {}
    for name, leaf in weights.items():
        branch, own = name.rsplit("/", 1)
        tree.setdefault(branch, {})[own] = leaf
    return tree


def _check_present(argument, weights, name):
    if name not in weights:
        raise ValueError(f"{argument} must have {name}, got {_names(weights)}.")


def _names(weights):
    return ", ".join(sorted(weights)) or "nothing"

"""Reads the recurrent nodes of an ONNX file."""

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from rnnjax.base import Carry, Cell, Layer, Params
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.convert.onnx_graph import recurrent_nodes
from rnnjax.convert.onnx_nodes import read_node
from rnnjax.convert.onnx_operators import OPERATORS, equal_cells
from rnnjax.convert.onnx_weights import params_from_weights
from rnnjax.layers.recurrent import bidirectional, recurrent


class OnnxRecurrent(NamedTuple):
    """A recurrent node of an ONNX file, as a layer that computes the same.

    Attributes:
      name: the node's name, or that of its first output if it has none.
      path: the branches and loop bodies that it is in, outermost first, such as
        `("if_16k.then_branch",)`; empty in the main graph.
      operator: "RNN", "LSTM" or "GRU".
      attributes: what `to_onnx` needs besides the cells. If `layout` is 1 the file's
        inputs and outputs have the batch first; the layer has time first.
      cells: the cell of each direction.
      layer: reads in the node's direction; for lengths pass it
        `lengths_to_mask(lengths, num_steps)`. Outputs of both directions are
        concatenated, forward first.
      params: the layer's parameters, NumPy arrays of the file's dtype.
      carry: the layer's initial carry, if the file holds it; else None.
      lengths: the sequences' lengths, if the file holds them; else None.
      fed: the names in the file of those of sequence_lens, initial_h and initial_c
        that it does not hold: they are computed or given when the model runs.
    """

    name: str
    path: tuple[str, ...]
    operator: str
    attributes: dict[str, Any]
    cells: tuple[Cell, ...]
    layer: Layer
    params: Params
    carry: Carry | None
    lengths: np.ndarray | None
    fed: dict[str, str]


def from_onnx(model: Any) -> list[OnnxRecurrent]:
    """Reads the recurrent nodes of an ONNX model: RNN, LSTM and GRU.

    Needs the package onnx. Nodes inside branches and loop bodies (`If`, `Loop`, `Scan`)
    are read too, with their `path`, and so are those of functions defined in the file.
    A weight may be computed from stored tensors, for instance by `Identity`, `Concat`,
    `Slice`, `Transpose` or `Cast`.

    A layer computes what its node does, except for a sequence of no steps: its last
    carry is the initial one here and zeros in ONNX Runtime.

    Args:
      model: an `onnx.ModelProto`, or the path of a file.

    Returns:
      The nodes, in the order of the file.

    Raises:
      ValueError: if there is no recurrent node; if a node has an attribute or an
        activation that is not supported; if weights are missing, depend on an input of
        the model, or do not have the shape that the node's sizes ask for; if an initial
        carry or lengths in the file have another shape. The message names the node.

    Example:
      >>> from rnnjax.convert.onnx_write import to_onnx
      >>> cell = rnnjax.lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> (node,) = from_onnx(to_onnx(cell, params))
      >>> node.operator, node.cells == (cell,)
      ('LSTM', True)

    References:
      "ONNX Operators", https://onnx.ai/onnx/operators: RNN, LSTM and GRU, versions 7 to
      22. What that text leaves open (which of the coupled gates exists, which values
      are clipped, which activation an alpha belongs to) is as in ONNX Runtime.
    """
    import onnx

    if isinstance(model, str | Path):
        model = onnx.load(model)
    return [_recurrent(read_node(*found)) for found in recurrent_nodes(model)]


def carry_from_onnx(
    initial_h: Any, initial_c: Any | None = None, *, layout: int = 0
) -> Carry:
    """Returns the carry of a layer that `from_onnx` made.

    Args:
      initial_h: `[num_directions, batch, hidden_size]`, as the node takes it.
      initial_c: likewise, of an LSTM.
      layout: the node's attribute: 1 if the batch comes before the directions.

    Returns:
      h, or an `LSTMCarry`; for both directions a dict of `forward` and `backward`.

    Raises:
      ValueError: if there are not three axes or not one or two directions, or if the
        two differ in shape.

    Example:
      >>> carry_from_onnx(jnp.ones((2, 3, 4)))["backward"].shape
      (3, 4)
    """
    leaves = [initial_h] if initial_c is None else [initial_h, initial_c]
    if any(np.ndim(leaf) != 3 or leaf.shape != initial_h.shape for leaf in leaves):
        raise ValueError(
            "initial_h and initial_c must have the same three axes, "
            f"got shapes {', '.join(str(np.shape(leaf)) for leaf in leaves)}."
        )
    leaves = [leaf.swapaxes(0, 1) if layout else leaf for leaf in leaves]
    if leaves[0].shape[0] not in (1, 2):
        raise ValueError(
            f"initial_h must have one or two directions, got shape {initial_h.shape}."
        )
    ways = zip(*leaves)
    return _by_direction([h[0] if len(h) == 1 else LSTMCarry(*h) for h in ways])


def _by_direction(parts):
    return parts[0] if len(parts) == 1 else dict(zip(("forward", "backward"), parts))


def _recurrent(node):
    """Makes the layer of a node."""
    equal = equal_cells(
        node.operator,
        node.attributes,
        node.weights["R"].shape[-1],
        peepholes="P" in node.weights,
        use_bias="B" in node.weights,
        dtype=getattr(jnp, node.weights["W"].dtype.name),  # as a caller would write it
    )
    cells = tuple(same[0] for same in equal)
    if len(cells) == 2:
        layer = bidirectional(*cells)
    else:
        layer = recurrent(*cells, reverse=node.attributes.direction == "reverse")
    ways = [{key: x[i] for key, x in node.weights.items()} for i in range(len(cells))]
    params = [
        params_from_weights(node.operator, node.attributes, weights) for weights in ways
    ]
    flags = {operator.flag for operator in OPERATORS.values()}
    given = node.attributes.given().items()
    return OnnxRecurrent(
        node.name,
        node.path,
        node.operator,
        {name: value for name, value in given if name not in flags},  # cells say those
        cells,
        layer,
        _by_direction(params),
        _carry_of(node),
        node.held.get("sequence_lens"),
        node.fed,
    )


def _carry_of(node):
    """Returns the initial carry that the file holds, None if there is none."""
    names = OPERATORS[node.operator].carries
    leaves = [node.held[name] for name in names if name in node.held]
    if not leaves:
        return None
    fed = [name for name in names if name in node.fed]
    if fed:
        raise ValueError(
            f"initial_h and initial_c of {node.where} must both be held by the file or "
            f"both be known when it runs, got {fed[0]} known when it runs."
        )
    leaves = [node.held.get(name, np.zeros_like(leaves[0])) for name in names]
    return carry_from_onnx(*leaves, layout=node.attributes.layout)

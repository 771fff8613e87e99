"""Reads and checks a recurrent node of an ONNX file."""

from typing import Any, NamedTuple

import numpy as np

from rnnjax.convert.onnx_graph import Graph, NotHeldError, name_of
from rnnjax.convert.onnx_operators import (
    INPUTS,
    OPERATORS,
    Attributes,
    check_attributes,
)
from rnnjax.convert.onnx_weights import shapes_of_weights


class OnnxNode(NamedTuple):
    """A recurrent node.

    Attributes:
      name: its own, or that of its first output if it has none.
      path: the graphs around it, see `Graph`.
      operator: "RNN", "LSTM" or "GRU".
      attributes: its attributes without the hidden size.
      weights: W, R and, where there are any, B and P: `[num_directions, ...]`.
      held: its other inputs that the file holds.
      fed: the names in the file of its other inputs, without X, by what they are here.
    """

    name: str
    path: tuple[str, ...]
    operator: str
    attributes: Attributes
    weights: dict[str, np.ndarray]
    held: dict[str, np.ndarray]
    fed: dict[str, str]

    @property
    def where(self) -> str:
        """Returns how messages name it."""
        within = f" in {' / '.join(self.path)}" if self.path else ""
        return f"{self.operator} node {self.name!r}{within}"


def read_node(node: Any, graph: Graph) -> OnnxNode:
    """Reads a recurrent node.

    Args:
      node: an `onnx.NodeProto`.
      graph: the graph that it is in.

    Raises:
      ValueError: if an attribute is not supported or has an invalid value; if weights
        are missing, are not held by the file, or do not have the shape that the node's
        sizes ask for; if a held sequence_lens or initial carry has another shape.
    """
    names = {key: given for key, given in zip(INPUTS, node.input) if given}
    held, fed, reasons = {}, {}, {}
    for key, given in names.items():
        try:
            held[key] = graph.value(given)
        except NotHeldError as error:
            fed[key], reasons[key] = given, str(error)
    for known in (held, fed):
        known.pop("X", None)
    weights = {key: held.pop(key) for key in ("W", "R", "B", "P") if key in held}
    hidden_size, attributes = _attributes_of(node)
    read = OnnxNode(
        name_of(node), graph.path, node.op_type, attributes, weights, held, fed
    )
    _check_weights(read, hidden_size, reasons)
    _check_held(read)
    return read


def _attributes_of(node):
    """Returns the hidden size, None if it is not given, and the other attributes."""
    from onnx.helper import get_attribute_value

    given = {a.name: _plain(get_attribute_value(a)) for a in node.attribute}
    of_others = {operator.flag for operator in OPERATORS.values()}
    of_others.discard(OPERATORS[node.op_type].flag)
    known = sorted({*Attributes._fields, "hidden_size"} - of_others)
    for name in given:
        if name not in known:
            raise ValueError(
                f"attributes of {node.op_type} node {node.name!r} must be some of "
                f"{', '.join(known)}, got {name!r}."
            )
    hidden_size = given.pop("hidden_size", None)
    attributes = Attributes(**given)
    check_attributes(attributes)
    return hidden_size, attributes


def _plain(value: Any) -> Any:
    """Returns an attribute as Python has it, and the 0.2 that a float32 stands for."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float):
        return float(str(np.float32(value)))
    if isinstance(value, list):
        return tuple(map(_plain, value))
    return value


def _check_weights(node, hidden_size, reasons):
    weights = node.weights
    for key in ("W", "R", "B", "P"):
        if key in reasons:
            raise ValueError(
                f"{key} of {node.where} must be held by the file or follow from what "
                f"it holds, got {reasons[key]}."
            )
        if key in ("W", "R") and key not in weights:
            raise ValueError(f"{key} of {node.where} must be given, got none.")
        if key in ("W", "R") and weights[key].ndim != 3:
            got = weights[key].shape
            raise ValueError(
                f"{key} of {node.where} must have 3 axes, got shape {got}."
            )
    _, rows, own_size = weights["R"].shape
    hidden_size = own_size if hidden_size is None else hidden_size
    shapes = shapes_of_weights(node.operator, own_size, weights["W"].shape[-1])
    if hidden_size != own_size and shapes["R"] == (rows, own_size):
        raise ValueError(
            f"hidden_size of {node.where} must be {own_size}, the last axis of R, "
            f"got {hidden_size}."
        )
    shapes = shapes_of_weights(node.operator, hidden_size, weights["W"].shape[-1])
    for key, array in weights.items():
        expected = (node.attributes.num_directions, *shapes[key])
        if array.shape != expected:
            raise ValueError(
                f"{key} of {node.where} must be of shape {expected}, got {array.shape}."
            )


def _check_held(node):
    """Checks the lengths and the initial carry that the file holds."""
    batch = None
    sizes = node.attributes.num_directions, node.weights["R"].shape[-1]
    for key, array in node.held.items():
        is_lengths = key == "sequence_lens"
        axis = 0 if is_lengths or node.attributes.layout else 1
        fits = array.ndim == (1 if is_lengths else 3)
        if fits and batch is None:
            batch = array.shape[axis]
        expected = [batch] if is_lengths else list(sizes)
        if not is_lengths:
            expected.insert(axis, batch)
        if not fits or list(array.shape) != expected:
            wanted = ["batch" if n is None else n for n in expected]
            raise ValueError(
                f"{key} of {node.where} must be of shape "
                f"({', '.join(map(str, wanted))}{',' * is_lengths}), got {array.shape}."
            )

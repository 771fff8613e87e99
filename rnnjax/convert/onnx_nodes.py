"""What a recurrent node of an ONNX file says, checked."""

from typing import Any, NamedTuple

import numpy as np

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
      operator: "RNN", "LSTM" or "GRU".
      attributes: what it says of itself, but for the hidden size.
      weights: W, R and, where there are any, B and P: `[num_directions, ...]`.
      held: its inputs that the file holds, but for the weights.
      fed: the names in the file of those that are known only when it runs, but for X.
    """

    name: str
    operator: str
    attributes: Attributes
    weights: dict[str, np.ndarray]
    held: dict[str, np.ndarray]
    fed: dict[str, str]

    @property
    def where(self) -> str:
        """Returns how messages name it."""
        return f"{self.operator} node {self.name!r}"


def tensors_of(graph: Any) -> dict[str, Any]:
    """Returns what a graph holds, initializers and constants, by name."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            tensors[node.output[0]] = node.attribute[0].t
    return tensors


def read_node(node: Any, tensors: dict[str, Any]) -> OnnxNode:
    """Reads a recurrent node.

    Args:
      node: an `onnx.NodeProto`.
      tensors: what its graph holds, by name.

    Raises:
      ValueError: if an attribute is not supported, or has a value that it cannot have;
        if weights are missing, are computed when the model runs, or have another shape
        than the node's sizes ask for.
    """
    from onnx import numpy_helper

    name = node.name or next(filter(None, node.output), "")
    names = {key: given for key, given in zip(INPUTS, node.input) if given}
    held = {
        key: numpy_helper.to_array(tensors[given])
        for key, given in names.items()
        if given in tensors
    }
    weights = {key: held.pop(key) for key in ("W", "R", "B", "P") if key in held}
    fed = {
        key: given for key, given in names.items() if key not in ("X", *weights, *held)
    }
    hidden_size, attributes = _attributes_of(node)
    read = OnnxNode(name, node.op_type, attributes, weights, held, fed)
    _check_weights(read, hidden_size)
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


def _check_weights(node, hidden_size):
    weights = node.weights
    for key in ("W", "R", "B", "P"):
        if key in node.fed:
            raise ValueError(
                f"{key} of {node.where} must be held by the file, "
                f"got {node.fed[key]!r}, known when it runs."
            )
        if key in ("W", "R") and key not in weights:
            raise ValueError(f"{key} of {node.where} must be given, got none.")
        if key in ("W", "R") and weights[key].ndim != 3:
            got = weights[key].shape
            raise ValueError(
                f"{key} of {node.where} must have 3 axes, got shape {got}."
            )
    hidden_size = hidden_size or weights["R"].shape[-1]
    shapes = shapes_of_weights(node.operator, hidden_size, weights["W"].shape[-1])
    for key, array in weights.items():
        expected = (node.attributes.num_directions, *shapes[key])
        if array.shape != expected:
            raise ValueError(
                f"{key} of {node.where} must be of shape {expected}, got {array.shape}."
            )

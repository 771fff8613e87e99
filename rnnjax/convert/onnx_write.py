"""Writes a cell as an ONNX model of one recurrent node."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from rnnjax.base import Cell, Params
from rnnjax.convert.onnx_operators import (
    INPUTS,
    OPERATORS,
    Attributes,
    check_attributes,
    equal_cells,
    num_activations,
)
from rnnjax.convert.onnx_weights import weights_from_params
from rnnjax.convert.weights import matrix_shape, read_weights


def to_onnx(
    cell: Cell | Sequence[Cell],
    params: Params,
    *,
    backward_cell: Cell | None = None,
    direction: str = "forward",
    activations: Sequence[str] = (),
    activation_alpha: Sequence[float] = (),
    activation_beta: Sequence[float] = (),
    clip: float | None = None,
    layout: int = 0,
    takes_lengths: bool = False,
    takes_carry: bool = False,
) -> Any:
    """Writes a cell as an ONNX model of one node: RNN, LSTM or GRU.

    Needs the package onnx; `onnx.save(model, path)` writes the result to a file. The
    cell determines the operator, whether gates are coupled, where a GRU resets, and
    which biases and peepholes there are. A peephole that is missing beside others is
    written as zeros. What `from_onnx` read is written again by
    `to_onnx(node.cells, node.params, **node.attributes)`.

    The model's inputs are X and, if asked for, sequence_lens, initial_h and initial_c;
    its outputs are Y `[T, num_directions, batch, hidden_size]`, Y_h and, of an LSTM,
    Y_c.

    Args:
      cell: made by `elman`, `lstm`, `lstm_variant` or `gru`; or one cell per direction.
      params: its parameters; for both directions a dict of `forward` and `backward`.
      backward_cell: the cell that reads in reverse; None: one like `cell`.
      direction: "forward", "reverse" or "bidirectional".
      activations: the cell's, by their ONNX names; empty: the operator's defaults. See
        `rnnjax.convert.onnx_activations`.
      activation_alpha: of the activations that take one, in their order.
      activation_beta: likewise.
      clip: the bound on what the cell's activations are given.
      layout: 1 for inputs and outputs with the batch first, which ONNX Runtime does
        not run on a CPU.
      takes_lengths: whether sequence_lens is an input.
      takes_carry: whether the initial carry is an input; else it is zeros.

    Returns:
      An `onnx.ModelProto`.

    Raises:
      ValueError: if no operator with these attributes computes what the cell does; if
        there are more cells than directions; if an attribute has an invalid value; if
        parameters are missing or do not have the cell's shapes.

    Example:
      >>> cell = rnnjax.elman(4, activation="relu")
      >>> params = cell.init(jax.random.key(0), 3)
      >>> model = to_onnx(cell, params, activations=["Relu"])
      >>> [node.op_type for node in model.graph.node]
      ['RNN']
    """
    attributes = Attributes(
        direction,
        tuple(activations),
        tuple(activation_alpha),
        tuple(activation_beta),
        clip,
        layout,
    )
    check_attributes(attributes)
    both = attributes.num_directions == 2
    if not isinstance(cell, Cell):
        cell, *others = _cells_of(cell, attributes.num_directions)
        backward_cell = backward_cell or next(iter(others), None)
    if backward_cell is not None and not both:
        raise ValueError(
            "backward_cell must be None where the direction is not bidirectional, "
            f"got a cell for {direction!r}."
        )
    cells = [cell, backward_cell or cell] if both else [cell]
    parts = _parts(cells, params)
    operator, attributes = _operator_of(cells, attributes, parts)
    weights = [weights_from_params(operator, attributes, part) for part in parts]
    if weights[0].keys() != weights[-1].keys():
        raise ValueError(
            f"backward_cell must have the weights {', '.join(weights[0])} as cell has, "
            f"got {', '.join(weights[-1])}."
        )
    stacked = {key: np.stack([way[key] for way in weights]) for key in weights[0]}
    inputs = ["sequence_lens"] if takes_lengths else []
    inputs += OPERATORS[operator].carries if takes_carry else []
    return _model(operator, attributes, stacked, inputs)


def _cells_of(cells, num_directions):
    """Returns the cells given in a sequence, checked."""
    is_sequence = isinstance(cells, Sequence) and not isinstance(cells, str)
    found = [x for x in cells if isinstance(x, Cell)] if is_sequence else []
    if len(found) != num_directions or len(found) != len(cells):
        raise ValueError(
            f"cell must be a cell or a sequence of {num_directions}, got {cells!r}."
        )
    return found


def _parts(cells, params):
    """Returns the parameters of each direction, checked against its cell's."""
    parts = {"params": params}
    if len(cells) == 2:
        if set(params) != {"forward", "backward"}:
            raise ValueError(
                "params must be a dict of forward and backward for both directions, "
                f"got {', '.join(sorted(params))}."
            )
        parts = {f"params[{way!r}]": params[way] for way in ("forward", "backward")}
    checked = []
    for cell, (argument, part) in zip(cells, parts.items()):
        input_size, _ = matrix_shape(argument, part, "kernel")
        like = jax.eval_shape(lambda: cell.init(jax.random.key(0), input_size))  # noqa: B023
        shapes = {name: leaf.shape for name, leaf in like.items()}
        checked.append(read_weights(argument, part, shapes))
    return checked


def _operator_of(cells, attributes, parts):
    """Finds the operator, and its flag, that computes what the cells do.

    Makers cache factors: cells with the same equations have the same factors, whatever
    their initializers.
    """
    hidden_size = len(parts[0]["recurrent_kernel"])
    for name, operator in OPERATORS.items():
        if len(attributes.activations) not in (0, num_activations(name, attributes)):
            continue
        for flag in (0, 1) if operator.flag else (0,):
            candidate = attributes
            if operator.flag:
                candidate = attributes._replace(**{operator.flag: flag})
            equal = equal_cells(name, candidate, hidden_size, peepholes=False)
            if all(
                any(cell.factors and cell.factors == own.factors for own in same)
                for cell, same in zip(cells, equal)
            ):
                return name, candidate
    raise ValueError(
        "cell must be one that elman, lstm, lstm_variant or gru makes with the "
        f"activations and the clip given, {attributes.given()}, got another."
    )


def _model(operator, attributes, weights, inputs):
    """Builds the model: the node, the weights and the inputs."""
    from onnx import TensorProto, helper, numpy_helper

    outputs = ["Y", "Y_h", "Y_c"][: 1 + len(OPERATORS[operator].carries)]
    used = {"X", *weights, *inputs}
    num_inputs = max(i for i, name in enumerate(INPUTS) if name in used) + 1
    node = helper.make_node(
        operator,
        [name if name in used else "" for name in INPUTS[:num_inputs]],
        outputs,
        name=operator,
        hidden_size=weights["R"].shape[-1],
        **attributes.given(),
    )
    dtype = helper.np_dtype_to_tensor_dtype(weights["W"].dtype)
    shapes = _shapes(attributes, weights["W"].shape[-1], weights["R"].shape[-1])

    def described(name):
        kind = TensorProto.INT32 if name == "sequence_lens" else dtype
        return helper.make_tensor_value_info(name, kind, shapes[name])

    graph = helper.make_graph(
        [node],
        "rnnjax",
        [described(name) for name in ("X", *inputs)],
        [described(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    # the first versions with `layout`, and with bfloat16: older runtimes can read them
    opset, ir_version = (22, 10) if dtype == TensorProto.BFLOAT16 else (14, 8)
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)


def _shapes(attributes, input_size, hidden_size):
    """Returns the shapes of inputs and outputs; a name stands for any size."""
    num_directions = attributes.num_directions
    carry = [num_directions, "batch", hidden_size]
    shapes = {
        "X": ["num_steps", "batch", input_size],
        "Y": ["num_steps", num_directions, "batch", hidden_size],
    }
    if attributes.layout:
        carry = ["batch", num_directions, hidden_size]
        shapes = {
            "X": ["batch", "num_steps", input_size],
            "Y": ["batch", "num_steps", num_directions, hidden_size],
        }
    carries = dict.fromkeys(("initial_h", "initial_c", "Y_h", "Y_c"), carry)
    return shapes | carries | {"sequence_lens": ["batch"]}

"""ONNX weights that a file computes from what it holds, and nodes within others."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rnnjax import gru, lstm
from rnnjax.convert.onnx_read import from_onnx
from rnnjax.convert.onnx_write import to_onnx
from tests.convert.exchange import B, D, H, T, draw_params, message_of
from tests.pytrees import assert_same_bits

PARAMS = draw_params(lstm(H))


def model_with(lines, cell=None, **arrays):
    """Writes a model whose W, R or B are computed as `lines` say.

    Args:
      lines: ONNX's own text, which computes some of W, R and B.
      cell: the cell; None: the one of `PARAMS`.
      **arrays: further tensors that the file holds; `w`, `r` and `b` are its weights.
    """
    model = to_onnx(cell or lstm(H), PARAMS if cell is None else draw_params(cell))
    stored = {x.name: numpy_helper.to_array(x) for x in model.graph.initializer}
    text = f"""<ir_version: 8, opset_import: ["" : 14]>
        computing (float[a] Z) => (float[a] Y) {{ {lines} Y = Identity(Z) }}"""
    added = onnx.parser.parse_model(text).graph.node[:-1]
    made = {name for node in added for name in node.output}
    kept = [x for x in model.graph.initializer if x.name not in made]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    arrays |= {name.lower(): array for name, array in stored.items()}
    model.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in arrays.items()
    )
    nodes = [*added, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


FOLDED = {
    "Identity": "W = Identity(w) R = Identity(r)",
    "twice": "v = Identity(w) W = Identity(v)",
    "Constant": "one = Constant<value_float = 1.0>() W = Mul(w, one)",
    "Cast": "v = Cast<to = 11>(w) W = Cast<to = 1>(v)",
    "Unsqueeze": """first = Constant<value_ints = [0]>() v = Squeeze(w, first)
        W = Unsqueeze(v, first)""",
    "Reshape": """flat = Constant<value_ints = [-1]>() v = Reshape(w, flat)
        like = Shape(w) W = Reshape(v, like)""",
    "Transpose": """v = Transpose<perm = [0, 2, 1]>(w)
        W = Transpose<perm = [0, 2, 1]>(v)""",
    "Slice and Concat": """start = Constant<value_ints = [0]>()
        middle = Constant<value_ints = [7]>() end = Constant<value_ints = [99]>()
        axis = Constant<value_ints = [1]>() top = Slice(w, start, middle, axis)
        rest = Slice(w, middle, end, axis) W = Concat<axis = 1>(top, rest)""",
    "Split": "u, v = Split<axis = 1>(b) B = Concat<axis = 1>(u, v)",
}


@pytest.mark.parametrize("lines", FOLDED.values(), ids=FOLDED)
def test_weights_computed_from_held_tensors_are_folded(lines):
    model = model_with(lines)
    onnx.checker.check_model(model, full_check=True)
    (node,) = from_onnx(model)
    assert_same_bits(node.params, PARAMS)
    assert node.fed == {}


def test_layers_may_share_a_tensor():
    """As exporters write equal biases."""
    first = onnx.compose.add_prefix(model_with("B = Identity(b)"), "one/")
    second = onnx.compose.add_prefix(to_onnx(lstm(H), PARAMS), "two/")
    merged = onnx.compose.merge_models(first, second, [])
    merged.graph.node.append(helper.make_node("Identity", ["one/B"], ["shared"]))
    merged.graph.node.insert(0, merged.graph.node.pop())
    merged.graph.node.insert(0, merged.graph.node.pop(1))
    merged.graph.node[-1].input[3] = "shared"
    for node in from_onnx(merged):
        assert_same_bits(node.params, PARAMS)


NOT_FOLDED = {
    "an input": ("W = Mul(w, X)", "'W', which Mul 'W' computes from 'X', an input."),
    "further away": (
        "v = Relu(X) u = Add(w, v) W = Identity(u)",
        "'W', which Identity 'W' computes from 'X', an input.",
    ),
    "random": (
        "v = RandomNormalLike(w) W = Identity(v)",
        "'W', which Identity 'W' computes from 'v', a random value.",
    ),
    "unknown operator": (
        "v = Identity(w) W = Unheard(v)",
        "'W', which needs Unheard 'W', that onnx cannot evaluate (",
    ),
    "nowhere": ("W = Identity(nothing)", "from 'nothing', which nothing computes."),
}


@pytest.mark.parametrize(("lines", "reason"), NOT_FOLDED.values(), ids=NOT_FOLDED)
def test_weights_that_are_not_held_are_refused_with_the_reason(lines, reason):
    message = message_of(from_onnx, model_with(lines))
    held = "must be held by the file or follow from what it holds, got "
    assert message.startswith(f"W of LSTM node 'LSTM' {held}")
    assert reason in message
    folds = "onnxsim, or ONNX Runtime with optimized_model_filepath, can fold it"
    assert (folds in message) == ("Unheard" in lines)


def within(op, attribute, model):
    """Puts the nodes of a model into a graph of a node `outer`."""
    inner = helper.make_graph(model.graph.node, "inner", [], model.graph.output)
    node = helper.make_node(op, ["flag"], ["Y"], name="outer", **{attribute: inner})
    model.graph.node.insert(0, node)
    del model.graph.node[1:]
    return model


@pytest.mark.parametrize(
    ("op", "attribute"), [("If", "then_branch"), ("Loop", "body"), ("Scan", "body")]
)
def test_nodes_within_others_are_read_with_their_path(op, attribute):
    """Their weights are held by the graph around, or follow from what it holds."""
    model = within(op, attribute, model_with("W = Identity(w)"))
    (node,) = from_onnx(model)
    assert (node.name, node.path) == ("LSTM", (f"outer.{attribute}",))
    assert_same_bits(node.params, PARAMS)
    model = within(op, attribute, within("If", "else_branch", model_with("W = Exp(X)")))
    assert message_of(from_onnx, model).startswith(
        f"W of LSTM node 'LSTM' in outer.{attribute} / outer.else_branch must be held"
    )


def test_both_branches_are_read():
    """As the best-known voice detector has them, one for each sampling rate."""
    branches = {}
    for name, cell in (("then_branch", lstm(H)), ("else_branch", gru(4))):
        graph = to_onnx(cell, draw_params(cell)).graph
        del graph.input[:], graph.output[1:]
        branches[name] = graph
    flag = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
    x = helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, B, D])
    y = helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)
    node = helper.make_node("If", ["flag"], ["Y"], **branches)
    graph = helper.make_graph([node], "both", [flag, x], [y])
    nodes = from_onnx(helper.make_model(graph))
    assert {node.path: node.cells for node in nodes} == {
        ("Y.then_branch",): (lstm(H),),
        ("Y.else_branch",): (gru(4),),
    }
    for node in nodes:
        assert_same_bits(node.params, draw_params(node.cells[0]))


def test_what_a_branch_computes_is_not_folded():
    lines = "flag = Constant<value_int = 1>() W = If(flag)"
    graph = helper.make_graph([], "inner", [], [])
    model = model_with(lines)
    model.graph.node[1].attribute.extend(
        helper.make_attribute(name, graph) for name in ("then_branch", "else_branch")
    )
    message = message_of(from_onnx, model)
    assert "'W', the result of other graphs: onnxsim, or" in message


def test_functions_of_the_file_are_looked_into():
    model = to_onnx(lstm(H), PARAMS)
    (node,) = model.graph.node
    opsets = [helper.make_opsetid("", 14)]
    function = helper.make_function(
        "own", "Recurrent", ["X", "W", "R", "B"], ["Y", "Y_h", "Y_c"], [node], opsets
    )
    call = helper.make_node("Recurrent", node.input, node.output, domain="own")
    model.graph.node.pop()
    model.graph.node.append(call)
    model.functions.append(function)
    model.opset_import.append(helper.make_opsetid("own", 1))
    (node,) = from_onnx(model)
    assert_same_bits(node.params, PARAMS)


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("initial_h", (1, B, H + 1), ("(1, 3, 5)", "(3, 1, 5)")),
        ("initial_c", (2, B, H), ("(1, 3, 5)", "(3, 1, 5)")),
        ("initial_h", (B, H), ("(1, 3, 5)", "(3, 1, 5)")),
        ("initial_c", (1, B + 1, H), ("(1, 3, 5)", "(3, 1, 5)")),
        ("sequence_lens", (B, 1), ("(batch,)", "(batch,)")),
        ("sequence_lens", (B + 1,), ()),
    ],
)
def test_held_carries_and_lengths_are_checked_in_shape(layout, name, shape, expected):
    takes = {"takes_lengths": True, "takes_carry": True}
    model = to_onnx(lstm(H), PARAMS, layout=layout, **takes)
    shapes = {"sequence_lens": (B,), "initial_h": (1, B, H), "initial_c": (1, B, H)}
    for key, own in (shapes | {name: shape}).items():
        if layout and len(own) == 3:
            own = (own[1], own[0], own[2])
        kind = np.int32 if key == "sequence_lens" else np.float32
        tensor = numpy_helper.from_array(np.zeros(own, kind), key)
        model.graph.initializer.append(tensor)
    message = message_of(from_onnx, model)
    if expected:
        of_node = f"{name} of LSTM node 'LSTM' must be of shape"
        assert f"{of_node} {expected[layout]}" in message
    else:
        assert "initial_h of LSTM node 'LSTM' must be of shape (" in message
        assert message.endswith(f", got {(B, 1, H) if layout else (1, B, H)}.")

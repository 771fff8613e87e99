"""ONNX: what is written is read again, bit by bit; what cannot be is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rnnjax import bidirectional, elman, gru, lstm, recurrent
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.convert.onnx_activations import clipped, onnx_activations
from rnnjax.convert.onnx_read import carry_from_onnx, from_onnx
from rnnjax.convert.onnx_write import to_onnx
from tests.convert.exchange import INPUTS, B, D, H, T, draw_params, message_of
from tests.pytrees import assert_close, assert_same_bits

(leaky,) = onnx_activations(["LeakyRelu"], [0.3])
BOTH = {
    way: draw_params(gru(H), seed) for seed, way in enumerate(("forward", "backward"))
}
WRITTEN = {
    "elman": (elman(H), {}),
    "elman_by_name": (elman(H, activation="elu"), {"activations": ("Elu",)}),
    "elman_clipped": (
        elman(H, activation=clipped(leaky, 0.4)),
        {"activations": ("LeakyRelu",), "activation_alpha": (0.3,), "clip": 0.4},
    ),
    "lstm_in_reverse": (lstm(H), {"direction": "reverse"}),
    "lstm_no_bias": (lstm(H, use_bias=False), {"layout": 1}),
    "lstm_coupled": (lstm_variant(H, gates="io", coupled=True), {}),
    "lstm_peepholes": (lstm_variant(H, peepholes="ifo", clip=0.5), {"clip": 0.5}),
    "lstm_coupled_peepholes": (
        lstm_variant(H, gates="io", coupled=True, peepholes="io"),
        {},
    ),
    "gru_after": (gru(H), {}),
    "gru_before": (gru(H, reset_after=False), {}),
    "gru_no_bias": (gru(H, use_bias=False), {}),
}


@pytest.mark.parametrize(("cell", "options"), WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_is_read_again(cell, options):
    params = draw_params(cell)
    model = to_onnx(cell, params, **options)
    onnx.checker.check_model(model, full_check=True)
    (node,) = from_onnx(model)
    assert [own.factors for own in node.cells] == [cell.factors]
    reverse = options.get("direction") == "reverse"
    assert node.layer is recurrent(*node.cells, reverse=reverse)
    assert_same_bits(node.params, params)
    assert node.attributes == options
    assert (node.path, node.carry, node.lengths, node.fed) == ((), None, None, {})
    assert to_onnx(node.cells, node.params, **node.attributes) == model


EQUATIONS = {
    "Relu": lambda x: np.maximum(x, 0),
    "Tanh": np.tanh,
    "Sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "Affine": lambda x, a=None, b=None: a * x + b,
    "LeakyRelu": lambda x, a=0.01: np.where(x >= 0, x, a * x),
    "ThresholdedRelu": lambda x, a=None: np.where(x > a, x, 0),
    "ScaledTanh": lambda x, a=None, b=None: a * np.tanh(b * x),
    "HardSigmoid": lambda x, a=0.2, b=0.5: np.clip(a * x + b, 0, 1),
    "Elu": lambda x, a=1.0: np.where(x >= 0, x, a * np.expm1(np.minimum(x, 0))),
    "Softsign": lambda x: x / (1 + np.abs(x)),
    "Softplus": lambda x: np.log1p(np.exp(x)),
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_activations_equal_their_equations(name):
    equation = EQUATIONS[name]
    x = np.linspace(-6, 6, 41, dtype=np.float32)
    defaults = getattr(equation, "__defaults__", None) or ()
    values = [0.7, -0.3][: len(defaults)]
    given = [[value] for value in values]
    (activation,) = onnx_activations([name], *given)
    assert_close(activation(x), equation(x, *values), 1e-6)
    assert onnx_activations([name], *given) == (activation,)
    want = equation(np.clip(x, -0.5, 0.5), *values)
    assert_close(clipped(activation, 0.5)(x), want, 1e-6)
    if None not in defaults:
        (activation,) = onnx_activations([name])
        assert_close(activation(x), equation(x), 1e-6)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, np.float64])
def test_every_dtype_keeps_its_bits(dtype):
    params = draw_params(lstm(H), dtype=dtype)
    model = to_onnx(lstm(H), params)
    onnx.checker.check_model(model)
    assert_same_bits(from_onnx(model)[0].params, params)


def test_initializers_do_not_matter_and_a_single_peephole_gets_zeros_beside_it():
    cell = lstm(H, forget_bias=3.0, kernel_init=jax.nn.initializers.zeros)
    (node,) = from_onnx(to_onnx(cell, draw_params(cell)))
    assert node.cells == (lstm(H),)
    cell = lstm_variant(H, peepholes="o")
    params = draw_params(cell)
    (node,) = from_onnx(to_onnx(cell, params))
    zeros = dict.fromkeys(("peephole_i", "peephole_f"), np.zeros(H, np.float32))
    assert_same_bits(node.params, params | zeros)


def test_two_directions_may_differ_in_their_activations():
    backward = gru(H, activation=jax.nn.relu)
    activations = ["Sigmoid", "Tanh", "Sigmoid", "Relu"]
    options = {"direction": "bidirectional", "activations": activations}
    (node,) = from_onnx(to_onnx(gru(H), BOTH, backward_cell=backward, **options))
    assert node.layer is bidirectional(gru(H), backward)
    assert_same_bits(node.params, BOTH)
    assert onnx.checker.check_model(to_onnx(node.cells, BOTH, **options)) is None
    for cells in ((gru(H),), (gru(H), None), "gru", node.layer):
        assert "cell must be a cell or a sequence of 2, got" in message_of(
            to_onnx, cells, BOTH, **options
        )


@pytest.mark.parametrize("direction", ["reverse", "bidirectional"])
def test_batch_first_equals_the_reference_evaluator(direction):
    """ONNX's own, for ONNX Runtime does not run layout=1 on a CPU."""
    cell, both = lstm_variant(H, peepholes="ifo"), direction == "bidirectional"
    ways = [draw_params(cell, seed) for seed in range(1 + both)]
    params = dict(zip(("forward", "backward"), ways)) if both else ways[0]
    model = to_onnx(cell, params, direction=direction, layout=1, takes_carry=True)
    onnx.checker.check_model(model, full_check=True)
    rng = np.random.default_rng(0)
    carries = rng.normal(size=(2, B, len(ways), H)).astype(np.float32)
    fed = dict(zip(("initial_h", "initial_c"), carries))
    evaluator = ReferenceEvaluator(model)
    want, *last = evaluator.run(None, {"X": INPUTS.swapaxes(0, 1), **fed})
    (node,) = from_onnx(model)
    assert node.fed == {name: name for name in fed}
    carry = carry_from_onnx(*fed.values(), layout=1)
    got_carry, got = node.layer.apply(node.params, carry, INPUTS)
    assert_close(got, want.reshape(B, T, -1).swapaxes(0, 1), 2e-6)
    assert_close(got_carry, carry_from_onnx(*last, layout=1), 2e-6)


def hold(model, constants=(), **arrays):
    """Puts inputs of a model into its file, as constant nodes or as initializers."""
    for name, array in arrays.items():
        tensor = numpy_helper.from_array(array, name)
        if name in constants:
            constant = helper.make_node("Constant", [], [name], value=tensor)
            model.graph.node.insert(0, constant)
        else:
            model.graph.initializer.append(tensor)
    inputs = [given for given in model.graph.input if given.name not in arrays]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    onnx.checker.check_model(model)
    return model


def test_what_the_file_holds_is_given():
    model = to_onnx(lstm(H), draw_params(lstm(H)), takes_lengths=True, takes_carry=True)
    h = np.full((1, B, H), 0.5, np.float32)
    lengths = np.array([T, 0, 2], np.int32)
    model = hold(model, sequence_lens=lengths, initial_h=h, initial_c=2 * h)
    (node,) = from_onnx(model)
    assert_same_bits(node.lengths, lengths)
    assert_same_bits((node.carry.h, node.carry.c), (h[0], 2 * h[0]))
    assert node.fed == {}
    # A carry that is left out is zeros.
    model = to_onnx(lstm(H), draw_params(lstm(H)), takes_carry=True)
    model.graph.node[0].input[6] = ""
    (node,) = from_onnx(hold(model, initial_h=h))
    assert_same_bits((node.carry.h, node.carry.c), (h[0], np.zeros_like(h[0])))


def test_files_are_read_node_by_node(tmp_path):
    first = to_onnx(lstm(H), draw_params(lstm(H)))
    second = to_onnx(gru(3), draw_params(gru(3), 1, input_size=H))
    between = onnx.parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 14]>
        squeeze (float[a, 1, b, 5] Y) => (float[a, b, 5] X) {
            axes = Constant <value_ints = [1]> ()
            X = Squeeze(Y, axes)
        }""")
    named = zip(("one/", "between/", "two/"), (first, between, second))
    first, between, second = (onnx.compose.add_prefix(m, name) for name, m in named)
    merged = onnx.compose.merge_models(first, between, [("one/Y", "between/Y")])
    merged = onnx.compose.merge_models(merged, second, [("between/X", "two/X")])
    onnx.save(merged, tmp_path / "model.onnx")
    nodes = from_onnx(tmp_path / "model.onnx")
    assert [(node.name, node.operator, node.cells) for node in nodes] == [
        ("one/LSTM", "LSTM", (lstm(H),)),
        ("two/GRU", "GRU", (gru(3),)),
    ]


def change(cell=None, rename=(), remove=(), arrays=(), **attributes):
    """Writes a model and spoils it."""
    cell = cell or lstm(H)
    model = to_onnx(cell, draw_params(cell))
    node = model.graph.node[0]
    for name, value in attributes.items():
        for given in [given for given in node.attribute if given.name == name]:
            node.attribute.remove(given)
        node.attribute.append(helper.make_attribute(name, value))
    for name in remove:
        node.input[list(node.input).index(name)] = ""
    for old, new in rename:
        node.input[list(node.input).index(old)] = new
    for name, array in arrays:
        for given in [x for x in model.graph.initializer if x.name == name]:
            model.graph.initializer.remove(given)
        model.graph.initializer.append(numpy_helper.from_array(array, name))
    return model


OF_W = "W of LSTM node 'LSTM' must be "
KNOWN = "Relu, Tanh, Sigmoid, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, "
REFUSED = {
    "attribute": (
        {"output_sequence": 1},
        "attributes of LSTM node 'LSTM' must be some of activation_alpha, "
        "activation_beta, activations, clip, direction, hidden_size, input_forget, "
        "layout, got 'output_sequence'.",
    ),
    "attribute of another operator": (
        {"linear_before_reset": 1},
        "got 'linear_before_reset'.",
    ),
    "activation": (
        {"activations": ["Sigmoid", "Gelu", "Tanh"]},
        f"activations must be some of {KNOWN}HardSigmoid, Elu, Softsign, Softplus, "
        "got 'Gelu'.",
    ),
    "number of activations": (
        {"activations": ["Tanh"]},
        "activations must be 3 for a forward LSTM, got ['Tanh'].",
    ),
    "number of alphas": (
        {"activation_alpha": [0.5]},
        "activation_alpha must hold 0 values for ['Sigmoid', 'Tanh', 'Tanh'], "
        "got [0.5].",
    ),
    "missing alpha": (
        {"activations": ["Sigmoid", "ThresholdedRelu", "Tanh"]},
        "activation_alpha must be given for ThresholdedRelu, whose default differs "
        "between ONNX and ONNX Runtime, got none.",
    ),
    "direction": (
        {"direction": "sideways"},
        "direction must be one of forward, reverse, bidirectional, got 'sideways'.",
    ),
    "clip": ({"clip": 0.0}, "clip must be positive, got 0.0."),
    "layout": ({"layout": 2}, "layout must be 0 or 1, got 2."),
    "missing W": ({"remove": ["W"]}, OF_W + "given, got none."),
    "computed W": (
        {"rename": [("W", "X")]},
        OF_W + "held by the file or follow from what it holds, got 'X', an input.",
    ),
    "shape of R": (
        {"arrays": [("R", np.zeros((1, 4 * H, H + 1), np.float32))]},
        f"R of LSTM node 'LSTM' must be of shape (1, {4 * H}, {H}), "
        f"got (1, {4 * H}, {H + 1}).",
    ),
    "number of directions": (
        {"direction": "bidirectional"},
        OF_W + f"of shape (2, {4 * H}, {D}), got (1, {4 * H}, {D}).",
    ),
    "rank of W": (
        {"arrays": [("W", np.zeros(4, np.float32))]},
        "W of LSTM node 'LSTM' must have 3 axes, got shape (4,).",
    ),
    **{
        f"hidden size of {size}": (
            {"hidden_size": size},
            "hidden_size of LSTM node 'LSTM' must be 5, the last axis of R, "
            f"got {size}.",
        )
        for size in (0, 6)
    },
}


@pytest.mark.parametrize(("spoiled", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_supported_is_refused_by_name(spoiled, message):
    assert message in message_of(from_onnx, change(**spoiled))


def test_a_file_without_recurrent_nodes_is_refused():
    model = change()
    model.graph.node[0].op_type = "MatMul"
    assert message_of(from_onnx, model) == (
        "model must have a node RNN, LSTM or GRU, got nodes MatMul."
    )
    model.graph.node.pop()
    assert message_of(from_onnx, model).endswith("got nodes none.")


def test_half_a_carry_is_refused():
    model = to_onnx(lstm(H), draw_params(lstm(H)), takes_carry=True)
    model = hold(model, initial_h=np.zeros((1, B, H), np.float32))
    assert message_of(from_onnx, model) == (
        "initial_h and initial_c of LSTM node 'LSTM' must both be held by the file or "
        "both be known when it runs, got initial_c known when it runs."
    )
    for h, c in ((np.zeros((B, H)), None), (np.zeros((1, B, H)), np.zeros((1, B, 4)))):
        assert message_of(carry_from_onnx, h, c).startswith(
            "initial_h and initial_c must have the same three axes, got shapes "
        )
    assert message_of(carry_from_onnx, np.zeros((3, B, H))) == (
        f"initial_h must have one or two directions, got shape (3, {B}, {H})."
    )


NOT_EQUAL = {
    "activation not said": (elman(H, activation="relu"), {}),
    "activation said wrongly": (elman(H), {"activations": ("Relu",)}),
    "clip not said": (lstm_variant(H, clip=0.5), {}),
    "clip said wrongly": (lstm_variant(H, clip=0.5), {"clip": 0.6}),
    "i from f": (lstm_variant(H, gates="fo", coupled=True), {}),
    "no forget gate": (lstm_variant(H, gates="io"), {}),
    "rounded products": (gru(H, compute_dtype=jnp.bfloat16), {}),
}


@pytest.mark.parametrize(("cell", "options"), NOT_EQUAL.values(), ids=NOT_EQUAL)
def test_a_cell_that_computes_something_else_is_refused(cell, options):
    assert message_of(to_onnx, cell, draw_params(cell), **options) == (
        "cell must be one that elman, lstm, lstm_variant or gru makes with the "
        f"activations and the clip given, {options}, got another."
    )


def test_parameters_are_checked():
    params = draw_params(lstm(H))
    narrow = params | {"bias": params["bias"][1:]}
    assert message_of(to_onnx, lstm(H), narrow) == (
        f"params['bias'] must be [{4 * H}], got [{4 * H - 1}]."
    )
    bare = {name: params[name] for name in ("kernel", "recurrent_kernel")}
    assert message_of(to_onnx, lstm(H), bare).startswith("params must have bias")
    cell = learned_initial_carry(lstm(H))
    nested = {"cell": params, "initial_carry": None}
    assert message_of(to_onnx, cell, nested).startswith("params must have kernel")
    assert message_of(to_onnx, gru(H), BOTH["forward"], direction="bidirectional") == (
        "params must be a dict of forward and backward for both directions, got bias, "
        "candidate_bias, kernel, recurrent_kernel."
    )
    assert message_of(to_onnx, gru(H), BOTH["forward"], backward_cell=gru(H)) == (
        "backward_cell must be None where the direction is not bidirectional, got a "
        "cell for 'forward'."
    )
    bare = BOTH | {"backward": draw_params(gru(H, use_bias=False))}
    options = {"direction": "bidirectional", "backward_cell": gru(H, use_bias=False)}
    assert message_of(to_onnx, gru(H), bare, **options) == (
        "backward_cell must have the weights W, R, B as cell has, got W, R."
    )

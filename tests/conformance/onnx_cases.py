"""Recurrent nodes drawn at random, as ONNX has them and apart from our code."""

from typing import NamedTuple

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")
NUM_GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
NUM_ACTIVATIONS = {"RNN": 1, "LSTM": 3, "GRU": 2}
# the ranges of alpha and beta
PARAMETERS = {
    "Relu": (),
    "Tanh": (),
    "Sigmoid": (),
    "Affine": ((0.2, 0.8), (-0.3, 0.3)),
    "LeakyRelu": ((0.01, 0.5),),
    "ThresholdedRelu": ((0.05, 0.5),),
    "ScaledTanh": ((0.5, 1.2), (0.5, 1.2)),
    "HardSigmoid": ((0.1, 0.4), (0.3, 0.6)),
    "Elu": ((0.3, 1.2),),
    "Softsign": (),
    "Softplus": (),
}
WITHOUT_DEFAULT = {"Affine", "ThresholdedRelu", "ScaledTanh"}
BOUNDED = {"Tanh", "Sigmoid", "ScaledTanh", "HardSigmoid", "Softsign"}


class Case(NamedTuple):
    """A node, and what it is run on.

    Attributes:
      operator: "RNN", "LSTM" or "GRU".
      attributes: of the node.
      weights: W, R and maybe B and P.
      runs: the inputs, a dict for every run: X and maybe sequence_lens and the carry.
    """

    operator: str
    attributes: dict
    weights: dict
    runs: list


def draw_case(rng, operator, sizes, num_runs):
    """Draws a node's attributes and weights, and what it is run on."""
    num_steps, batch, input_size, hidden_size = sizes
    direction = str(rng.choice(["forward", "reverse", "bidirectional"]))
    ways = 2 if direction == "bidirectional" else 1
    attributes = {"hidden_size": hidden_size, "direction": direction}
    attributes |= draw_activations(rng, ways * NUM_ACTIVATIONS[operator])
    if rng.random() < 0.4:
        attributes["clip"] = float(rng.choice([0.1, 0.5, 1.5, 3.0]))
    if operator == "LSTM":
        attributes["input_forget"] = int(rng.random() < 0.4)
    if operator == "GRU":
        attributes["linear_before_reset"] = int(rng.random() < 0.5)

    # A recurrence that expands multiplies rounding: of large weights, half an ulp more
    # would move some outputs by more than the tolerance. Grown to 1e9, values make
    # ONNX Runtime's Softplus NaN.
    scale = 0.6 if contracts(operator, attributes) else 0.12

    def draw(*shape, scale=scale):
        return (scale * rng.normal(size=shape)).astype(np.float32)

    width = NUM_GATES[operator] * hidden_size
    weights = {
        "W": draw(ways, width, input_size),
        "R": draw(ways, width, hidden_size, scale=1.3 * scale / hidden_size**0.5),
    }
    if rng.random() < 0.8:
        weights["B"] = draw(ways, 2 * width)
    if operator == "LSTM" and rng.random() < 0.6:
        weights["P"] = draw(ways, 3 * hidden_size)
    with_lengths, with_carry = rng.random(2) < 0.7
    runs = []
    for _ in range(num_runs):
        runs.append({"X": draw(num_steps, batch, input_size, scale=1.0)})
        if with_lengths:
            ends = rng.choice([0, 1, num_steps], batch)
            lengths = rng.integers(num_steps + 1, size=batch)
            lengths = np.where(rng.random(batch) < 0.5, ends, lengths)
            runs[-1]["sequence_lens"] = lengths.astype(np.int32)
        if with_carry:
            runs[-1]["initial_h"] = draw(ways, batch, hidden_size, scale=0.8)
        if with_carry and operator == "LSTM":
            runs[-1]["initial_c"] = draw(ways, batch, hidden_size, scale=0.8)
    return Case(operator, attributes, weights, runs)


def contracts(operator, attributes):
    """Returns whether a step keeps the carry's size, be its pre-activations large."""
    names = attributes.get("activations", [])
    gates = names[::2] if operator == "GRU" else []  # h becomes (1 - z) n + z h
    return set(names) <= BOUNDED and set(gates) <= {"Sigmoid", "HardSigmoid"}


def draw_activations(rng, count):
    """Draws activations and their parameters, or leaves the defaults."""
    if rng.random() < 0.2:
        return {}
    names = [str(name) for name in rng.choice(list(PARAMETERS), count)]
    drawn = {"activations": names}
    for which, attribute in enumerate(("activation_alpha", "activation_beta")):
        takers = [name for name in names if len(PARAMETERS[name]) > which]
        needed = WITHOUT_DEFAULT & set(takers)
        if takers and (needed or rng.random() < 0.7):
            drawn[attribute] = [
                float(rng.uniform(*PARAMETERS[name][which])) for name in takers
            ]
    return drawn


def model_of(case):
    """Builds the model, the weights within it."""
    names = {"X", *case.weights, *case.runs[0]}
    node_inputs = [name if name in names else "" for name in INPUTS]
    while not node_inputs[-1]:
        node_inputs.pop()
    outputs = ["Y", "Y_h", "Y_c"][: 3 if case.operator == "LSTM" else 2]
    node = helper.make_node(case.operator, node_inputs, outputs, **case.attributes)
    ranks = {"sequence_lens": 1, "Y": 4}

    def describe(name):
        dtype = TensorProto.INT32 if name == "sequence_lens" else TensorProto.FLOAT
        return helper.make_tensor_value_info(name, dtype, [None] * ranks.get(name, 3))

    graph = helper.make_graph(
        [node],
        "one",
        [describe(name) for name in case.runs[0]],
        [describe(name) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in case.weights.items()],
    )
    opset = helper.make_opsetid("", 14)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    onnx.checker.check_model(model)
    return model


def run_in_onnx_runtime(model, runs):
    """Returns what ONNX Runtime computes, Y and the last carries, for every run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    asked = {given.name for given in session.get_inputs()}
    return [
        session.run(None, {name: x for name, x in run.items() if name in asked})
        for run in runs
    ]

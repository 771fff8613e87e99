"""ONNX Runtime's RNN, LSTM and GRU, in both directions, with lengths."""

import functools
from typing import NamedTuple

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, elman, gru, lengths_to_mask, lstm, recurrent
from tests.conformance.onnx_cases import Case, model_of, run_in_onnx_runtime
from tests.loop import in_numpy
from tests.pytrees import assert_close, draw_like

T, B, D, H = 7, 4, 3, 5
NUM_CASES = 3


class Kind(NamedTuple):
    """A cell and the operator that says the same.

    Attributes:
      cell: the cell.
      operator: its ONNX name.
      attributes: what makes them the same.
      order: where ONNX wants our gates, which stand i, f, g, o and r, z, n.
    """

    cell: object
    operator: str
    attributes: dict
    order: tuple


KINDS = {
    "rnn_tanh": Kind(elman(H), "RNN", {"activations": ["Tanh"]}, (0,)),
    "rnn_relu": Kind(
        elman(H, activation=jax.nn.relu), "RNN", {"activations": ["Relu"]}, (0,)
    ),
    "lstm": Kind(lstm(H), "LSTM", {}, (0, 3, 1, 2)),
    "gru_before": Kind(
        gru(H, reset_after=False), "GRU", {"linear_before_reset": 0}, (1, 0, 2)
    ),
    "gru_after": Kind(gru(H), "GRU", {"linear_before_reset": 1}, (1, 0, 2)),
}


def reordered(matrix, order):
    """Puts gates side by side into another order, and units first."""
    gates = np.split(matrix, len(order), axis=-1)
    return np.concatenate([gates[i] for i in order], axis=-1).T


def weights_for(kind, params):
    """Returns ONNX's W, R and B of one direction."""
    recurrent_kernel = params["recurrent_kernel"]
    if "candidate_kernel" in params:
        blocks = recurrent_kernel, params["candidate_kernel"]
        recurrent_kernel = np.concatenate(blocks, axis=-1)
    recurrent_bias = np.zeros_like(params["bias"])
    if "candidate_bias" in params:
        recurrent_bias[2 * H :] = params["candidate_bias"]
    matrices = params["kernel"], recurrent_kernel, params["bias"], recurrent_bias
    W, R, *biases = (reordered(matrix, kind.order) for matrix in matrices)
    return W, R, np.concatenate(biases)


@functools.cache
def layer_of(kind_name, direction):
    cell = KINDS[kind_name].cell
    if direction == "bidirectional":
        return bidirectional(cell)
    return recurrent(cell, reverse=direction == "reverse")


@functools.cache
def compiled(layer):
    def run(params, carry, inputs, mask):
        return layer.apply(params, carry, inputs, mask=mask)

    return in_numpy(run)


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("kind_name", KINDS)
@pytest.mark.parametrize("seed", range(NUM_CASES))
def test_equals_onnx_runtime(kind_name, direction, seed):
    kind, layer = KINDS[kind_name], layer_of(kind_name, direction)
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda key: layer.init(key, D), jax.random.key(0))
    params = draw_like(rng, shapes, np.float32, scale=0.6)
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    like = jax.eval_shape(lambda params: layer.initial_carry(params, (B,)), params)
    carry = draw_like(rng, like, np.float32)
    lengths = np.array([0, 1, T, rng.integers(2, T)], np.int32)
    for leaf in jax.tree.leaves(carry):
        leaf[0] = 0  # of a sequence of no steps ONNX Runtime gives zeros, we its carry
    mask = np.asarray(lengths_to_mask(lengths, T))
    got_carry, got = compiled(layer)(params, carry, inputs, mask)

    both = direction == "bidirectional"
    ways = [params[name] for name in ("forward", "backward")] if both else [params]
    stacked = [np.stack(x) for x in zip(*[weights_for(kind, own) for own in ways])]
    carries = [carry["forward"], carry["backward"]] if both else [carry]
    leaves = [np.stack(x) for x in zip(*map(jax.tree.leaves, carries))]
    given = {"X": inputs, "sequence_lens": lengths}
    given |= dict(zip(("initial_h", "initial_c"), leaves))
    attributes = {"hidden_size": H, "direction": direction} | kind.attributes
    if both and "activations" in attributes:
        attributes["activations"] = 2 * attributes["activations"]
    weights = dict(zip("WRB", stacked))
    model = model_of(Case(kind.operator, attributes, weights, [given]))
    ((outputs, *last),) = run_in_onnx_runtime(model, [given])

    want = np.concatenate(list(outputs.swapaxes(0, 1)), axis=-1)
    assert_close(got, want, 2e-6)
    got_carries = [got_carry["forward"], got_carry["backward"]] if both else [got_carry]
    got_leaves = [np.stack(x) for x in zip(*map(jax.tree.leaves, got_carries))]
    assert_close(got_leaves, last, 2e-6)

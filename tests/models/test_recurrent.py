"""What the modules do at their boundary: resets, chunks, keys, messages."""

import jax
import numpy as np
import pytest
from flax import nnx, serialization

from rnnjax import lstm
from rnnjax.models.linen import LinenRecurrent
from rnnjax.models.recurrent import Recurrent
from tests.models.cases import (
    BATCH,
    INPUT,
    LAYERS,
    NUM_STEPS,
    draw_batches,
    jitted,
    make_case,
)
from tests.pytrees import assert_close, assert_same_bits


def test_parameters_are_the_layer_s_own_tree_of_params():
    layer = LAYERS["stack"]
    module = Recurrent(layer, INPUT, rngs=nnx.Rngs(params=3))
    leaves = jax.tree.leaves(
        module.params, is_leaf=lambda node: isinstance(node, nnx.Variable)
    )
    assert {type(leaf) for leaf in leaves} == {nnx.Param}
    params = layer.init(nnx.Rngs(params=3).params(), INPUT)
    assert_same_bits(nnx.as_pure(module.params), params)
    want = layer.initial_carry(params, (BATCH,))
    assert_same_bits(module.initial_carry((BATCH,)), want)


def test_variables_survive_serialization():
    variables = make_case("linen stack").state
    zeros = jax.tree.map(np.zeros_like, variables)
    restored = serialization.from_bytes(zeros, serialization.to_bytes(variables))
    assert_same_bits(restored, jax.tree.map(np.asarray, variables))


@pytest.mark.parametrize("name", ["nnx cell", "nnx stack", "linen stack"])
def test_streaming_equals_the_whole_sequence(name):
    case = make_case(name)
    batch = next(draw_batches(1))
    inputs, key = batch["inputs"], batch["key"]
    call = jitted(case)
    last, whole = call(inputs, key=key)
    carry = case.layer.initial_carry(case.params_of(case.state), (BATCH,))
    parts = []
    for chunk in (inputs[:, :3], inputs[:, 3:6], inputs[:, 6:]):
        carry, outputs = call(chunk, carry, key=key)
        parts.append(outputs)
    assert_close(np.concatenate(parts, axis=1), whole, 1e-6)
    assert_close(carry, last, 1e-6)


@pytest.mark.parametrize("name", ["nnx stack", "linen stack", "model"])
def test_dropout_needs_a_key_and_follows_it(name):
    call = jitted(make_case(name))
    inputs = next(draw_batches(1, tokens=name == "model"))["inputs"]
    plain, again = (call(inputs)[1] for _ in range(2))
    keyed, other = (call(inputs, key=jax.random.key(seed))[1] for seed in (1, 2))
    assert_same_bits(again, plain)
    assert np.abs(keyed - other).max() > 0.01
    assert np.abs(keyed - plain).max() > 0.01


def test_is_first_starts_a_sequence_anew():
    call = jitted(make_case("nnx cell"))
    inputs = next(draw_batches(1))["inputs"]
    is_first = np.zeros((BATCH, NUM_STEPS), bool)
    is_first[1, 4] = True
    outputs = call(inputs, is_first=is_first)[1]
    want = np.array(call(inputs)[1])
    want[1, 4:] = call(inputs[1:2, 4:])[1][0]
    assert_close(outputs, want, 1e-6)


def call_nnx(layer, inputs, **options):
    return Recurrent(layer, 2, rngs=nnx.Rngs(0))(inputs, **options)


def call_linen(layer, inputs, **options):
    return LinenRecurrent(layer, 2).init(jax.random.key(0), inputs, **options)


@pytest.mark.parametrize("call", [call_nnx, call_linen])
@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((7, 2), {}, r"inputs must have axes of batch and time .* got shape \(7, 2\)"),
        ((3, 7, 4), {}, r"inputs must have a last axis of 2, got shape \(.*4\)"),
        (
            (3, 7, 2),
            {"mask": np.ones((7, 3), bool)},
            r"mask must be bool of shape \(3, 7\), got bool of shape \(7, 3\)",
        ),
        (
            (3, 7, 2),
            {"is_first": np.ones((3, 7), np.float32)},
            r"is_first must be bool of shape \(3, 7\), got float32",
        ),
        ((3, 7, 2), {"carry": np.zeros((3, 5))}, "carry must be LSTMCarry.*got float"),
    ],
)
def test_bad_inputs_are_refused(call, shape, options, message):
    with pytest.raises(ValueError, match=message):
        call(lstm(5), np.zeros(shape, np.float32), **options)
    with pytest.raises(ValueError, match="layer must be a cell or a layer, got 'lstm'"):
        call("lstm", np.zeros(shape, np.float32))

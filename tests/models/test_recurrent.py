"""What the NNX modules do at their boundary: padding, resets, chunks, messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import rnnjax
from rnnjax.models.recurrent import Recurrent
from tests.models.cases import (
    BATCH,
    INPUT,
    LAYERS,
    LENGTHS,
    NUM_STEPS,
    draw_batches,
    jitted,
    make_case,
    make_language_model,
)
from tests.models.training import assert_trees_near


def test_parameters_are_the_layer_s_own_tree_of_params():
    layer = LAYERS["stack"]()
    module = Recurrent(layer, INPUT, rngs=nnx.Rngs(params=3))
    leaves = jax.tree.leaves(
        module.params, is_leaf=lambda node: isinstance(node, nnx.Variable)
    )
    assert {type(leaf) for leaf in leaves} == {nnx.Param}
    params = layer.init(nnx.Rngs(params=3).params(), INPUT)
    assert_trees_near(nnx.as_pure(module.params), params, 0)


@pytest.mark.parametrize("name", list(LAYERS))
def test_the_fill_of_the_padding_changes_no_bit(name):
    module = make_case(name)[0]
    graph, state = nnx.split(module, nnx.Param)
    batch = next(draw_batches(1))

    @jax.jit
    def loss_and_grads(state, inputs):
        def loss(state):
            module = nnx.merge(graph, state)
            outputs = module(inputs, mask=batch["mask"], key=batch["key"])[1]
            return (outputs**2).sum(), outputs

        return jax.value_and_grad(loss, has_aux=True)(state)

    def filled(fill):
        return np.where(batch["mask"][..., None], batch["inputs"], np.float32(fill))

    expected = loss_and_grads(state, filled(0.0))
    assert not np.asarray(expected[0][1])[~batch["mask"]].any()
    for fill in (1e30, np.inf, np.nan):
        assert_trees_near(loss_and_grads(state, filled(fill)), expected, 0)


def test_padding_equals_sequences_cut_short():
    module = jitted(make_case("both_directions")[0])
    batch = next(draw_batches(1))
    carry, outputs = module(batch["inputs"], mask=batch["mask"])
    for i, length in enumerate(LENGTHS):
        alone_carry, alone = module(batch["inputs"][i : i + 1, :length])
        assert_trees_near(outputs[i : i + 1, :length], alone, 1e-6)
        row = jax.tree.map(lambda x, i=i: x[i : i + 1], carry)
        assert_trees_near(row, alone_carry, 1e-6)


@pytest.mark.parametrize("name", ["cell", "stack"])
def test_streaming_equals_the_whole_sequence(name):
    module = make_case(name)[0]
    batch = next(draw_batches(1))
    inputs, key = batch["inputs"], batch["key"]
    call = jitted(module)
    last, whole = call(inputs, key=key)
    carry, parts = module.initial_carry((BATCH,)), []
    for chunk in (inputs[:, :3], inputs[:, 3:6], inputs[:, 6:]):
        carry, outputs = call(chunk, carry, key=key)
        parts.append(outputs)
    assert_trees_near(jnp.concatenate(parts, axis=1), whole, 1e-6)
    assert_trees_near(carry, last, 1e-6)


def test_is_first_starts_a_sequence_anew():
    module = jitted(make_case("cell")[0])
    inputs = next(draw_batches(1))["inputs"]
    is_first = np.zeros((BATCH, NUM_STEPS), bool)
    is_first[1, 4] = True
    outputs = module(inputs, is_first=is_first)[1]
    expected = np.array(module(inputs)[1])
    expected[1, 4:] = module(inputs[1:2, 4:])[1][0]
    assert_trees_near(outputs, expected, 1e-6)


def test_dropout_needs_a_key_and_follows_it():
    model = jitted(make_language_model(1))
    tokens = next(draw_batches(1, 0))["inputs"]
    plain = model(tokens)[1]
    one, again, other = (
        model(tokens, key=jax.random.key(seed))[1] for seed in (1, 1, 2)
    )
    assert_trees_near(one, again, 0)
    assert np.abs(one - other).max() > 0.01
    assert np.abs(one - plain).max() > 0.01
    assert_trees_near(model(tokens)[1], plain, 0)


@pytest.mark.parametrize(
    "inputs_shape, options, message",
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
def test_bad_inputs_are_refused(inputs_shape, options, message):
    module = Recurrent(rnnjax.lstm(5), 2, rngs=nnx.Rngs(0))
    with pytest.raises(ValueError, match=message):
        module(np.zeros(inputs_shape, np.float32), **options)


def test_what_is_neither_cell_nor_layer_is_refused():
    with pytest.raises(ValueError, match="layer must be a cell or a layer, got 'lstm'"):
        Recurrent("lstm", 2, rngs=nnx.Rngs(0))  # pyright: ignore[reportArgumentType]

"""The Linen adapter against the functional path."""

import functools

import jax
import numpy as np
import pytest
from flax import serialization

import rnnjax
from rnnjax.models.linen import LinenRecurrent
from tests.models.cases import (
    BATCH,
    HIDDEN,
    INPUT,
    LAYERS,
    draw_batches,
    layer_by_hand,
    swapped,
)
from tests.models.training import assert_trees_near, trained


def make_variables(name, batch):
    layer = LAYERS[name]()
    module = LinenRecurrent(layer, INPUT)
    return module, layer, module.init(jax.random.key(1), batch["inputs"])


@pytest.mark.parametrize("name", ["cell", "stack"])
def test_training_equals_the_functional_path(name):
    batches = list(draw_batches(4))
    module, layer, variables = make_variables(name, batches[0])

    def outputs_of_module(variables, batch):
        return module.apply(
            variables, batch["inputs"], mask=batch["mask"], key=batch["key"]
        )[1]

    def outputs_by_hand(params, batch):
        inputs, mask = swapped(batch["inputs"], batch["mask"])
        return swapped(layer_by_hand(layer, params, inputs, mask, batch["key"]))[0]

    def loss(outputs, params, batch):
        logits = outputs(params, batch)
        nats = rnnjax.cross_entropy_mean_over_steps(
            logits, batch["targets"], batch["mask"]
        )
        return nats, logits

    first_params = variables["params"]["layer"]
    after, got = trained(functools.partial(loss, outputs_of_module), variables, batches)
    params, expected = trained(
        functools.partial(loss, outputs_by_hand), first_params, batches
    )
    assert_trees_near(got, expected, 0)
    assert_trees_near(after["params"]["layer"], params, 1e-6)
    for before, after in zip(jax.tree.leaves(first_params), jax.tree.leaves(params)):
        assert np.abs(after - before).max() > 1e-3, "training moves every parameter"


def test_streaming_equals_the_whole_sequence():
    batch = next(draw_batches(1))
    module, layer, variables = make_variables("stack", batch)
    call = jax.jit(functools.partial(module.apply, variables))
    inputs, key = batch["inputs"], batch["key"]
    last, whole = call(inputs, key=key)
    carry = layer.initial_carry(variables["params"]["layer"], (BATCH,))
    carry, before = call(inputs[:, :4], carry, key=key)
    carry, after = call(inputs[:, 4:], carry, key=key)
    assert_trees_near(np.concatenate([before, after], axis=1), whole, 1e-6)
    assert_trees_near(carry, last, 1e-6)
    assert np.abs(whole - call(inputs)[1]).max() > 0.01, "dropout with a key alone"


def test_variables_survive_serialization():
    batch = next(draw_batches(1))
    _, _, variables = make_variables("stack", batch)
    zeros = jax.tree.map(np.zeros_like, variables)
    restored = serialization.from_bytes(zeros, serialization.to_bytes(variables))
    assert_trees_near(restored, variables, 0)


def test_bad_inputs_are_refused():
    module = LinenRecurrent(rnnjax.lstm(HIDDEN), INPUT)
    inputs = np.zeros((BATCH, 7, INPUT), np.float32)
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(3, 7\), got "):
        module.init(jax.random.key(0), inputs, mask=np.ones((7, 3), bool))
    with pytest.raises(ValueError, match="inputs must have axes of batch and time"):
        module.init(jax.random.key(0), inputs[0])
    with pytest.raises(ValueError, match="layer must be a cell or a layer, got 'lstm'"):
        LinenRecurrent("lstm", INPUT).init(jax.random.key(0), inputs)

"""Training the NNX modules: as the functional path, compiled once, and by NNX."""

import functools

import jax
import numpy as np
import optax
import pytest
from flax import nnx

import rnnjax
from tests.models.cases import (
    BATCH,
    LAYERS,
    draw_batches,
    make_case,
    make_language_model,
    swapped,
)
from tests.models.training import assert_trees_near, trained


@pytest.mark.parametrize("name", [*LAYERS, "model", "tied_model"])
def test_training_equals_the_functional_path(name):
    module, by_hand, input_ndim = make_case(name)
    first_params = nnx.as_pure(module.params)
    graph, state = nnx.split(module, nnx.Param)

    def outputs_of_module(state, batch):
        call = nnx.merge(graph, state)
        return call(batch["inputs"], mask=batch["mask"], key=batch["key"])[1]

    def outputs_by_hand(params, batch):
        inputs, mask = swapped(batch["inputs"], batch["mask"])
        return swapped(by_hand(params, inputs, mask, batch["key"]))[0]

    def loss(outputs, params, batch):
        logits, targets, mask = swapped(
            outputs(params, batch), batch["targets"], batch["mask"]
        )
        nats = rnnjax.cross_entropy_sum_over_time(logits, targets, mask)
        return nats, logits

    batches = list(draw_batches(4, input_ndim))
    state, got = trained(functools.partial(loss, outputs_of_module), state, batches)
    params, expected = trained(
        functools.partial(loss, outputs_by_hand), first_params, batches
    )
    assert_trees_near(got, expected, 0)
    nnx.update(module, state)
    assert_trees_near(nnx.as_pure(module.params), params, 1e-6)
    for before, after in zip(jax.tree.leaves(first_params), jax.tree.leaves(params)):
        assert np.abs(after - before).max() > 1e-3, "training moves every parameter"


@pytest.mark.parametrize("tied", [False, True])
def test_every_parameter_has_a_gradient(tied):
    graph, state = nnx.split(make_language_model(1, tie_weights=tied), nnx.Param)
    batch = next(draw_batches(1, 0))

    @jax.jit
    def grads_of(state):
        def loss(state):
            logits = nnx.merge(graph, state)(batch["inputs"], mask=batch["mask"])[1]
            return rnnjax.cross_entropy_mean_over_steps(
                logits, batch["targets"], batch["mask"]
            )

        return jax.grad(loss)(state)

    flat = nnx.to_flat_state(grads_of(state))
    assert len(flat) == 1 + 3 + 4 + (1 if tied else 2)
    for path, grad in flat:
        assert np.abs(grad[...]).max() > 0, path


def test_models_with_equal_options_share_one_compilation():
    @functools.partial(jax.jit, static_argnums=0)
    def logits(graph, state, carry, batch):
        model = nnx.merge(graph, state)
        return model(batch["inputs"], carry, mask=batch["mask"], key=batch["key"])

    for seed in range(2):
        model = make_language_model(seed)
        carry = model.initial_carry((BATCH,))
        for batch in draw_batches(2, 0):
            carry, _ = logits(*nnx.split(model), carry, batch)
    assert logits._cache_size() == 1


def test_an_nnx_optimizer_trains_it_as_optax_does():
    batch = next(draw_batches(1, 0))

    def loss(model):
        logits = model(batch["inputs"], mask=batch["mask"])[1]
        return rnnjax.cross_entropy_mean_over_steps(
            logits, batch["targets"], batch["mask"]
        )

    @nnx.jit
    def update(model, optimizer):
        value, grads = nnx.value_and_grad(loss)(model)
        optimizer.update(model, grads)
        return value

    model = make_language_model(1)
    graph, state = nnx.split(model, nnx.Param)
    optimizer = nnx.Optimizer(
        model,
        optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.5, momentum=0.9)),
        wrt=nnx.Param,
    )
    # The state shares its arrays with the model, which the optimizer trains in place.
    state, _ = trained(
        lambda state, _: (loss(nnx.merge(graph, state)), None), state, [0, 0, 0]
    )
    values = [float(update(model, optimizer)) for _ in range(3)]
    assert values[2] < values[0]
    assert_trees_near(nnx.state(model, nnx.Param), state, 1e-6)

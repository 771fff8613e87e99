"""Training the modules: as the functional path, compiled once, and by NNX."""

import functools

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from rnnjax import cross_entropy_mean_over_steps, cross_entropy_sum_over_time
from tests.models.cases import (
    BATCH,
    LAYERS,
    draw_batches,
    make_case,
    make_language_model,
    swapped,
)
from tests.pytrees import assert_close

OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.5, momentum=0.9))


def trained(loss, params, batches):
    """Trains for one update a batch, with plain `jax.jit`.

    Args:
      loss: `(params, batch) -> (scalar, outputs)`.
      params: any tree of arrays, an `nnx.State` included.
      batches: what the updates read, one after the other.

    Returns:
      The parameters after the last update, and the outputs before the first.
    """

    @jax.jit
    def update(params, state, batch):
        grads, outputs = jax.grad(loss, has_aux=True)(params, batch)
        changes, state = OPTIMIZER.update(grads, state, params)
        return optax.apply_updates(params, changes), state, outputs

    state = OPTIMIZER.init(params)
    outputs = []
    for batch in batches:
        params, state, batch_outputs = update(params, state, batch)
        outputs.append(batch_outputs)
    return params, outputs[0]


@pytest.mark.parametrize(
    "name",
    [*(f"nnx {x}" for x in LAYERS), "linen cell", "linen stack", "model", "tied_model"],
)
def test_training_equals_the_functional_path(name):
    case = make_case(name)

    def outputs_of_module(state, batch):
        options = {"mask": batch["mask"], "key": batch["key"]}
        return swapped(case.call(state, batch["inputs"], **options)[1])[0]

    def outputs_by_hand(params, batch):
        inputs, mask = swapped(batch["inputs"], batch["mask"])
        return case.layer.apply(params, None, inputs, mask=mask, key=batch["key"])[1]

    def loss(outputs, params, batch):
        logits = outputs(params, batch)
        targets, mask = swapped(batch["targets"], batch["mask"])
        return cross_entropy_sum_over_time(logits, targets, mask), logits

    first_params = case.params_of(case.state)
    batches = list(draw_batches(4, tokens="model" in name))
    of_module, by_hand = (
        functools.partial(loss, outputs)
        for outputs in (outputs_of_module, outputs_by_hand)
    )
    state, got = trained(of_module, case.state, batches)
    params, want = trained(by_hand, first_params, batches)
    assert_close(got, want, 0)
    assert_close(case.params_of(state), params, 1e-6)
    for before, after in zip(jax.tree.leaves(first_params), jax.tree.leaves(params)):
        assert np.abs(after - before).max() > 1e-3, "training moves every parameter"


def test_models_with_equal_options_share_one_compilation():
    @functools.partial(jax.jit, static_argnums=0)
    def logits(graph, state, carry, batch):
        model = nnx.merge(graph, state)
        return model(batch["inputs"], carry, mask=batch["mask"], key=batch["key"])

    for seed in range(2):
        model = make_language_model(seed)
        carry = model.initial_carry((BATCH,))
        for batch in draw_batches(2, tokens=True):
            carry, _ = logits(*nnx.split(model), carry, batch)
    assert logits._cache_size() == 1


def test_an_nnx_optimizer_trains_it_as_optax_does():
    batch = next(draw_batches(1, tokens=True))

    def loss(model):
        logits = model(batch["inputs"], mask=batch["mask"])[1]
        return cross_entropy_mean_over_steps(logits, batch["targets"], batch["mask"])

    @nnx.jit
    def update(model, optimizer):
        value, grads = nnx.value_and_grad(loss)(model)
        optimizer.update(model, grads)
        return value

    model = make_language_model(1)
    graph, state = nnx.split(model, nnx.Param)
    optimizer = nnx.Optimizer(model, OPTIMIZER, wrt=nnx.Param)
    # The state shares its arrays with the model, which the optimizer trains in place.
    state, _ = trained(
        lambda state, _: (loss(nnx.merge(graph, state)), None), state, [0, 0, 0]
    )
    values = [float(update(model, optimizer)) for _ in range(3)]
    assert values[2] < values[0]
    assert_close(nnx.state(model, nnx.Param), state, 1e-6)

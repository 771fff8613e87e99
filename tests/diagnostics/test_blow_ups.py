"""The report names the step, layer and leaf at which a blow-up was planted."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import Cell, dense, elman, lstm
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.diagnostics.blow_ups import find_blow_ups

T, B, D, H = 7, 3, 2, 5
LEAVES = ("carry['cell'].h", "carry['cell'].c", "outputs")


@jax.custom_vjp
def spoil_back(x, factor):
    return x


spoil_back.defvjp(lambda x, factor: (x, factor), lambda factor, g: (g * factor, None))


def planted():
    """Makes an LSTM that multiplies a leaf, or its gradient, by a number at one step.

    Its parameters say what is planted and where, so that all cases are one program.
    """
    plain = lstm(H)

    def init(key, input_size):
        plan = {name: jnp.ones(len(LEAVES)) for name in ("values", "slopes")}
        return {"cell": plain.init(key, input_size), "at": jnp.int32(-1)} | plan

    def initial_carry(params, batch_shape=()):
        return {
            "cell": plain.initial_carry(params["cell"], batch_shape),
            "time": jnp.zeros(batch_shape, jnp.int32),
        }

    def step(params, carry, inputs):
        here = (carry["time"] == params["at"])[..., None]

        # a slope is planted in the carry that is read, a value in the one left
        slopes = [jnp.where(here, slope, 1) for slope in params["slopes"]]
        read = LSTMCarry(*map(spoil_back, carry["cell"], slopes))
        left, outputs = plain.step(params["cell"], read, inputs)
        values = [jnp.where(here, value, 1) for value in params["values"]]
        h, c, outputs = (x * y for x, y in zip((*left, outputs), values))
        return {"cell": LSTMCarry(h, c), "time": carry["time"] + 1}, outputs

    return Cell(init, initial_carry, step)


CELL = planted()
LAYERS = (CELL, dense(4), CELL, CELL)


@functools.cache
def params_of_all():
    sizes = (D, H, 4, H)
    keys = jax.random.split(jax.random.key(0), len(LAYERS))
    return tuple(layer.init(key, size) for layer, key, size in zip(LAYERS, keys, sizes))


@functools.cache
def program():
    """Compiles the search for values that are not finite or above 1e5."""

    def loss(outputs):
        return (outputs**2).sum()

    return jax.jit(functools.partial(find_blow_ups, LAYERS, loss=loss, threshold=1e5))


def plant(layer, at, kind, leaf, value):
    params = list(params_of_all())
    planted = params[layer][kind].at[leaf].set(value)
    params[layer] = params[layer] | {"at": jnp.int32(at), kind: planted}
    return params


def draw():
    return np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)


def test_all_well_and_a_bad_input_that_is_no_layers_fault():
    inputs = draw()
    found = program()(params_of_all(), inputs)
    assert found.first_forward() is None and found.first_backward() is None
    assert str(found) == "values: none is bad; gradients, going back: none is bad"
    inputs[4, 1, 0] = np.nan
    found = program()(params_of_all(), inputs)
    assert found.first_forward() == (4, "inputs")
    assert str(found).startswith("values: bad at step 4, inputs; gradients")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e15])
def test_planted_cases_are_named(value):
    """25 random places for each value, forward and backward."""
    rng, run, inputs = np.random.default_rng(7), program(), draw()
    for _ in range(25):
        layer, at = int(rng.choice([0, 2, 3])), int(rng.integers(T))
        leaf = int(rng.integers(3))
        found = run(plant(layer, at, "values", leaf, value), inputs)
        assert found.first_forward() == (at, f"layer {layer}, {LEAVES[leaf]}")
        leaf, at = int(rng.integers(2)), int(rng.integers(1, T))
        found = run(plant(layer, at, "slopes", leaf, value), inputs)
        assert found.first_forward() is None
        assert found.first_backward() == (at, f"layer {layer}, {LEAVES[leaf]}")


def test_padding_is_not_looked_at():
    inputs, mask = draw(), np.ones((T, B), bool)
    inputs[5:, 1], mask[5:, 1] = np.nan, False
    params = [elman(H).init(jax.random.key(0), D)]
    found = find_blow_ups([elman(H)], params, inputs, jnp.sum, mask=mask)
    assert found.first_forward() is None and found.first_backward() is None


@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan")])
def test_bad_arguments(threshold):
    with pytest.raises(ValueError, match="threshold must be positive, got"):
        find_blow_ups([], [], draw(), jnp.sum, threshold=threshold)
    with pytest.raises(ValueError, match="params must be one per layer, 1, got 0."):
        find_blow_ups([elman(H)], [], draw(), jnp.sum)

"""The learned initial carry: where it starts, and what adds to its gradient."""

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax import gru, lstm
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, draw
from tests.pytrees import assert_close, assert_same_bits
from tests.user_cells import counting, reflecting


def test_learned_start_is_that_carry(x64):
    cell = lstm(H)
    params, inputs = draw(learned_initial_carry(cell))
    repeat = jax.tree.map(lambda x: jnp.tile(x, (B, 1)), params["initial_carry"])
    got = unroll(learned_initial_carry(cell), params, inputs)
    assert_same_bits(got, unroll(cell, params["cell"], inputs, carry=repeat))


def test_learned_start_begins_as_the_cell_does():
    """From what `prepare` made, too."""
    for cell in (lstm(H), reflecting(H)):
        params = learned_initial_carry(cell).init(jax.random.key(0), D)
        inputs = np.ones((T, B, D), np.float32)
        got = unroll(learned_initial_carry(cell), params, inputs)
        assert_close(got, unroll(cell, params["cell"], inputs), 1e-6)


def test_every_reset_adds_to_the_gradient_of_the_start(x64):
    """Sequences of one step each: the gradient is the sum of those of the steps."""
    cell = learned_initial_carry(gru(H))
    params, inputs = draw(cell)

    def total(start, inputs, is_first):
        own = {**params, "initial_carry": start}
        return unroll(cell, own, inputs, is_first=is_first)[1].sum()

    gradient = jax.jit(jax.grad(total))
    packed = gradient(params["initial_carry"], inputs, np.ones((T, B), bool))
    alone = sum(
        gradient(params["initial_carry"], x[None], np.ones((1, B), bool))
        for x in inputs
    )
    assert_close(packed, alone, 1e-13)
    carried = gradient(params["initial_carry"], inputs, np.zeros((T, B), bool))
    assert np.abs(carried - packed).max() > 1e-3


def test_counters_are_not_learned():
    """Nor is a step of one piece in the way."""
    rng = np.random.default_rng(0)
    features, gain = rng.normal(size=(T, B, D)), rng.normal(size=(T, B))
    inputs = {"features": np.float32(features), "gain": np.float32(gain)}
    cell = learned_initial_carry(counting(H))
    params = cell.init(jax.random.key(0), D)
    assert params["initial_carry"]["count"] is None
    got = unroll(cell, params, inputs)
    assert_same_bits(got, unroll(counting(H), params["cell"], inputs))

    def last(h):
        own = {**params, "initial_carry": {"count": None, "h": h}}
        return unroll(cell, own, inputs)[0]["h"].sum()

    assert np.all(jax.grad(last)(params["initial_carry"]["h"]) != 0)

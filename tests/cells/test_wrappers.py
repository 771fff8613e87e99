"""Cells made of cells: what each adds, and what it leaves as it was."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.cells.wrappers.output_feedback import output_feedback
from rnnjax.cells.wrappers.with_carry import with_carry
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T
from tests.trees import assert_close, assert_same_bits, draw_like
from tests.user_cells import counting, reflecting


def draw(cell):
    rng = np.random.default_rng(0)
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    return draw_like(rng, shapes), rng.normal(size=(T, B, D))


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


@pytest.mark.parametrize("split", [True, False])
def test_shown_carries_are_those_of_every_step(x64, split):
    cell = lstm(H) if split else lstm(H)._replace(factors=None)
    params, inputs = draw(cell)
    last, shown = unroll(with_carry(cell), params, inputs)
    carry = None
    for t in range(T):
        carry, outputs = unroll(cell, params, inputs[t : t + 1], carry=carry)
        at_t = jax.tree.map(lambda x: x[t], shown["carry"])  # noqa: B023
        assert_close(at_t, carry, 1e-14)
        assert_close(shown["outputs"][t], outputs[0], 1e-14)
    assert_close(last, carry, 1e-14)


def test_feed_back_equals_a_loop(x64):
    """What the cell shows is not its carry: a gate stands between."""
    inner = lstm(H)
    cell = output_feedback(inner, H)
    params, inputs = draw(cell)
    carry, shown, want = inner.initial_carry(params, (B,)), np.zeros((B, H)), []
    for x in inputs:
        carry, shown = inner.step(params, carry, np.concatenate([x, shown], axis=-1))
        want.append(shown)
    last, got = unroll(cell, params, inputs)
    assert_close(got, np.stack(want), 1e-13)
    assert_close(last, {"cell": carry, "outputs": shown}, 1e-13)


def test_elman_fed_back_is_elman(x64):
    """It shows its carry, so the two matrices that read it add up."""
    params, inputs = draw(output_feedback(elman(H), H))
    kernel, fed = np.split(params["kernel"], [D])
    summed = params["recurrent_kernel"] + fed
    plain = {**params, "kernel": kernel, "recurrent_kernel": summed}
    got = unroll(output_feedback(elman(H), H), params, inputs)[1]
    assert_close(got, unroll(elman(H), plain, inputs)[1], 1e-13)


def test_wrong_width_fed_back_is_refused():
    with pytest.raises(ValueError, match="output_size must be a positive whole number"):
        output_feedback(gru(H), 0)
    message = r"output_size must be the width of .*, of shape \(5,\), got 4\."
    with pytest.raises(ValueError, match=message):
        output_feedback(gru(H), 4).init(jax.random.key(0), D)

"""`dilated` against a loop with as many carries, and stacks of it."""

import itertools

import jax
import numpy as np
import pytest

from rnnjax import gru, lstm, recurrent
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.layers.convolution import causal_convolution
from rnnjax.layers.dilated import dilated, dilated_stack
from tests.cells.paper import B, D, H, T, draw, initial
from tests.layers.programs import apply
from tests.pytrees import assert_close, assert_same_bits, steps
from tests.refusals import refuses
from tests.user_cells import counting


def draw_marks(num_steps=T):
    rng = np.random.default_rng(1)
    shape = num_steps, B
    return {"mask": rng.random(shape) < 0.7, "is_first": rng.random(shape) < 0.2}


def loop(cell, dilation, params, inputs, mask, is_first):
    """One sequence, step by step: each continues from `dilation` steps ago."""
    start = cell.initial_carry(params)
    step = jax.jit(cell.step)
    carries, outputs = [start] * dilation, []
    for x, real, first in zip(inputs, mask, is_first):
        if first:
            carries[-dilation:] = [start] * dilation
        carry, output = step(params, carries[-dilation], x)
        carries.append(carry if real else carries[-dilation])
        outputs.append(output if real else np.zeros_like(output))
    return jax.tree.map(lambda *x: np.stack(x), *carries[-dilation:]), np.stack(outputs)


@pytest.mark.parametrize("dilation", [2, 3, 7, 10])
def test_equals_loop(x64, dilation):
    """A first step, masked or not, is one for all that continue from before it."""
    cell = learned_initial_carry(lstm(H))
    layer, marks = dilated(cell, dilation), draw_marks()
    params, inputs = draw(layer)
    got = apply(layer, params, None, inputs, **marks)
    for b in range(B):
        read = (x[:, b] for x in (inputs, *marks.values()))
        own = jax.tree.map(lambda x: x[:, b], got)  # noqa: B023
        assert_close(own, loop(cell, dilation, params, *read), 1e-13)


def test_dilation_of_one_is_the_cell():
    layer, plain = dilated(lstm(H), 1), recurrent(lstm(H))
    params = initial(plain)
    assert_same_bits(initial(layer), params)
    inputs = np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)
    is_first = draw_marks()["is_first"]
    carry, outputs = apply(layer, params, None, inputs, is_first=is_first)
    want = apply(plain, params, None, inputs, is_first=is_first)
    assert_close((jax.tree.map(lambda x: x[0], carry), outputs), want, 1e-6)


def test_chunks_of_any_length_turn_the_queue(x64):
    """Also chunks shorter than the dilation, and empty ones."""
    layer, marks = dilated(gru(H), 4), draw_marks(13)
    params, _ = draw(layer)
    inputs = np.random.default_rng(2).normal(size=(13, B, D))
    want = apply(layer, params, None, inputs, **marks)
    carry, outputs = None, []
    for low, high in itertools.pairwise([0, 3, 3, 9, 10, 13]):
        chunk, own_marks = steps((inputs, marks), slice(low, high))
        carry, output = apply(layer, params, carry, chunk, **own_marks)
        outputs.append(output)
    assert_close((carry, np.concatenate(outputs)), want, 1e-13)


def test_trees_of_inputs_and_counters_are_dilated():
    layer = dilated(counting(H), 2)
    params = initial(layer)
    inputs = {"features": np.ones((T, B, D)), "gain": np.ones((T, B))}
    carry, (_, shown) = apply(layer, params, None, inputs)
    want = np.broadcast_to(1 + np.arange(T)[:, None] // 2, (T, B))
    np.testing.assert_array_equal(shown["count"], want)
    np.testing.assert_array_equal(carry["count"], [[3] * B, [4] * B])


@pytest.mark.parametrize("start", [0, 2])
def test_stack_grows_by_powers(x64, start):
    """From M^start on; then a convolution joins as many steps."""
    cells = lstm(H), gru(4)
    layer = dilated_stack(*cells, base=3, start=start)
    params, inputs = draw(layer)
    carry, got = apply(layer, params, None, inputs)
    first = apply(dilated(cells[0], 3**start), params[0], None, inputs)
    second = apply(dilated(cells[1], 3 ** (start + 1)), params[1], None, first[1])
    want = (first[0], second[0]), second[1]
    if start:
        fuse = causal_convolution(9)
        assert params[2]["kernel"].shape == (9, 4, 4)
        last = apply(fuse, params[2], None, second[1])
        want = (*want[0], last[0]), last[1]
    assert_close((carry, got), want, 1e-13)
    assert isinstance(carry[0], LSTMCarry)


test_bad_options_are_refused = refuses(
    *((dilated, gru(H), x, "dilation must be a positive whole") for x in (0, -1, 2.5)),
    (dilated_stack, "cells must be at least one, got none"),
    (lambda: dilated_stack(gru(H), base=0), "base must be a positive .* number, got 0"),
    (lambda: dilated_stack(gru(H), start=-1), "start must be a whole number from 0, g"),
    (lambda: dilated_stack(gru(H), start=0.5), "start must be a whole number from 0, "),
)

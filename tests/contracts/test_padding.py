"""Contract 2: nothing that stands in the padding is seen, in values or gradients."""

import jax
import numpy as np
import pytest

from rnnjax import lengths_to_mask
from tests.every import CELLS, every
from tests.programs import B, T, draw_arguments, draw_marks, program, tolerance
from tests.pytrees import assert_close, assert_same_bits, is_floating

FILLS = [7.0, 1e30, np.nan, np.inf, -np.inf]


def fill_padding(inputs, mask, value):
    """Puts `value` into masked steps; whole numbers get one outside any vocabulary."""

    def fill(x):
        filled = x.copy()
        filled[~mask] = value if is_floating(x) else np.iinfo(x.dtype).min
        return filled

    return jax.tree.map(fill, inputs)


@pytest.mark.parametrize("padding", ["right", "gaps"])
@every(CELLS, directions=True)
def test_fill_changes_no_bit(case, engine_case, padding, reverse):
    rng = np.random.default_rng(2)
    run = program(case, engine_case, reverse)
    params, carry, inputs, weights = draw_arguments(case, rng)
    mask, is_first = draw_marks(rng)
    if padding == "right":
        mask = np.asarray(lengths_to_mask(np.array([0, 1, T]), T))

    def run_filled(value):
        filled = fill_padding(inputs, mask, value)
        return run(params, carry, filled, mask, is_first, weights)

    want = run_filled(0.0)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(want))
    for value in FILLS:
        assert_same_bits(run_filled(value), want)


@every(CELLS)
def test_padding_gives_zeros_and_takes_no_gradient(case, engine_case):
    rng = np.random.default_rng(3)
    params, carry, inputs, weights = draw_arguments(case, rng)
    mask, is_first = draw_marks(rng)
    run = program(case, engine_case)
    got = run(params, carry, inputs, mask, is_first, weights)
    for x in jax.tree.leaves((got.outputs, got.grads[2])):
        assert not np.any(np.asarray(x)[~mask])
        assert np.any(np.asarray(x)[mask])


@every(CELLS)
def test_empty_sequence_keeps_carry(case, engine_case):
    rng = np.random.default_rng(4)
    params, carry, inputs, weights = draw_arguments(case, rng)
    mask = np.asarray(lengths_to_mask(np.array([0, 1, T]), T))
    run = program(case, engine_case)
    got = run(params, carry, inputs, mask, np.zeros((T, B), bool), weights)
    first = jax.tree.map(lambda x: x[0], (got.carry, carry))
    assert_same_bits(*first)


@every(CELLS, few=True)
def test_reverse_equals_flipped_prefix(case, engine_case):
    rng = np.random.default_rng(5)
    params, carry, inputs, weights = draw_arguments(case, rng)
    lengths = np.array([4, 1, T])
    mask = np.asarray(lengths_to_mask(lengths, T))
    none_first = np.zeros((T, B), bool)

    def flip(tree):
        def flip_leaf(x):
            flipped = np.array(x)
            for b, length in enumerate(lengths):
                flipped[:length, b] = flipped[:length, b][::-1]
            return flipped

        return jax.tree.map(flip_leaf, tree)

    forward = program(case, engine_case, False)
    backward = program(case, engine_case, True)
    got = backward(params, carry, inputs, mask, none_first, weights)
    flipped_weights = (weights[0], flip(weights[1]))
    want = forward(params, carry, flip(inputs), mask, none_first, flipped_weights)
    params_grad, carry_grad, inputs_grad = want.grads
    want = (want.carry, flip(want.outputs), params_grad, carry_grad, flip(inputs_grad))
    got = (got.carry, got.outputs, *got.grads)
    assert_close(got, want, tolerance(case, engine_case))

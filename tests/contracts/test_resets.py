"""Contract 3: where a sequence begins, nothing of what stood before is left."""

import jax
import numpy as np

from rnnjax.base import prepared
from tests.every import CELLS, every, every_alone
from tests.programs import B, T, draw_arguments, program
from tests.pytrees import assert_same_bits, is_floating, steps


def with_nan(tree):
    return jax.tree.map(lambda x: x * np.nan if is_floating(x) else x, tree)


@every(CELLS, few=True)
def test_reset_hides_carry(case, engine_case):
    """A reset chooses: multiplying by zero would keep NaN."""
    rng = np.random.default_rng(0)
    params, carry, inputs, weights = draw_arguments(case, rng)
    mask, is_first = np.ones((T, B), bool), np.zeros((T, B), bool)
    mask[0, 1] = False
    is_first[0] = True
    run = program(case, engine_case)
    got = run(params, with_nan(carry), inputs, mask, is_first, weights)
    want = run(params, carry, inputs, mask, is_first, weights)
    assert_same_bits(got, want)
    assert not any(np.any(grad) for grad in want.grads[1])


@every(CELLS, directions=True, few=True)
def test_reset_ends_blow_up(case, engine_case, reverse):
    """What follows a reset, in the order of computing, does not see NaN before it."""
    rng = np.random.default_rng(1)
    params, carry, inputs, weights = draw_arguments(case, rng)
    mask, is_first = np.ones((T, B), bool), np.zeros((T, B), bool)
    is_first[4] = True
    before, after = (slice(4, T), slice(4)) if reverse else (slice(4), slice(4, T))

    def spoil(x):
        spoilt = x.copy()
        if is_floating(x):
            spoilt[before] = np.nan
        return spoilt

    run = program(case, engine_case, reverse)
    got = run(params, carry, jax.tree.map(spoil, inputs), mask, is_first, weights)
    want = run(params, carry, inputs, mask, is_first, weights)
    assert_same_bits(steps(got.outputs, after), steps(want.outputs, after))
    assert_same_bits(got.carry, want.carry)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(want))


@every(CELLS, few=True)
def test_chunk_read_in_reverse_keeps_last_carry(case, engine_case):
    """In reverse the chunk's first step may begin a sequence: its carry sums it up."""
    rng = np.random.default_rng(2)
    params, carry, inputs, weights = draw_arguments(case, rng)
    mask, is_first = np.ones((T, B), bool), np.zeros((T, B), bool)
    run = program(case, engine_case, True)
    want = run(params, carry, inputs, mask, is_first, weights)
    is_first[0] = True
    got = run(params, carry, inputs, mask, is_first, weights)
    assert_same_bits(got, want)


@every_alone(CELLS)
def test_batch_begins_like_each_sequence(case):
    """Of any shape: an engine may make one initial carry and repeat it."""
    rng = np.random.default_rng(3)
    cell = case.cell
    params = prepared(cell, draw_arguments(case, rng)[0])
    alone = cell.initial_carry(params)
    batch = cell.initial_carry(params, (2, B))
    want = jax.tree.map(lambda x: np.broadcast_to(x, (2, B, *x.shape)), alone)
    assert_same_bits(batch, want)

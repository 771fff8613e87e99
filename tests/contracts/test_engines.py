"""Contracts 1, 3 and 4: every engine gives what a plain loop over each sequence gives.

So batches of any rank equal their sequences alone, resets begin anew from the initial
carry, learned or not, in both directions, and all engines agree.
"""

import contextlib
import functools
import itertools

import numpy as np
import pytest

from rnnjax import cell_catalogue, lengths_to_mask
from tests.cases import CellCase
from tests.every import CELLS, every
from tests.loop import run_batch
from tests.programs import B, T, draw_arguments, draw_marks, program, tolerance
from tests.pytrees import assert_close


def smallest(entry):
    """Makes a cell of the least size its maker takes; some take even ones alone."""
    for hidden_size in (1, 2, 4):
        with contextlib.suppress(ValueError):
            return entry.make(hidden_size)
    raise AssertionError(f"{entry.call} must take sizes of at most 4.")


SMALLEST = [
    CellCase(entry.call, functools.partial(smallest, entry), entry.input_size(1))
    for entry in cell_catalogue()
    if entry.draw is None
]


@every(CELLS, directions=True)
def test_marked_batch_equals_loop(case, engine_case, reverse):
    rng = np.random.default_rng(0)
    run = program(case, engine_case, reverse)
    for _ in range(3):
        params, carry, inputs, weights = draw_arguments(case, rng)
        mask, is_first = draw_marks(rng)
        got = run(params, carry, inputs, mask, is_first, weights)
        want = run_batch(
            case.cell, params, carry, inputs, mask, is_first, reverse, weights
        )
        assert_close(got, want, tolerance(case, engine_case))


def check_variant(case, engine_case, leading, masked, reset, given, reverse):
    """Compares engine and loop where some arguments of `unroll` are left out."""
    rng = np.random.default_rng(1)
    params, carry, inputs, weights = draw_arguments(case, rng, leading)
    mask, is_first = draw_marks(rng, leading)
    run = program(case, engine_case, reverse)
    carry = carry if given else None
    got = run(
        params,
        carry,
        inputs,
        mask if masked else None,
        is_first if reset else None,
        weights,
    )
    want = run_batch(
        case.cell,
        params,
        carry,
        inputs,
        mask if masked else np.ones(leading, bool),
        is_first if reset else np.zeros(leading, bool),
        reverse,
        weights,
    )
    assert_close(got, want, tolerance(case, engine_case))


@every(CELLS, few=True)
def test_single_sequence_equals_loop(case, engine_case):
    check_variant(case, engine_case, (T,), False, False, False, False)


@every(CELLS, few=True)
def test_batch_of_two_axes_equals_loop(case, engine_case):
    check_variant(case, engine_case, (T, 2, B), False, True, False, True)


@pytest.mark.slow
@every(CELLS)
def test_every_variant_equals_loop(case, engine_case):
    for flags in itertools.product([False, True], repeat=4):
        check_variant(case, engine_case, (T, B), *flags)


@pytest.mark.slow
@pytest.mark.parametrize("leading", [(T,), (T, 2, B), (T, 1), (1, B), (1, 1)])
@every(CELLS)
def test_every_shape_equals_loop(case, engine_case, leading):
    check_variant(case, engine_case, leading, True, True, True, False)


@pytest.mark.slow
@every(SMALLEST)
def test_sizes_of_one_equal_loop(case, engine_case):
    check_variant(case, engine_case, (1, 1), False, False, False, False)


@pytest.mark.slow
@every(CELLS, directions=True)
def test_500_draws_equal_loop(case, engine_case, reverse):
    """Of values, masks, resets and lengths; what is never real stays as it was."""
    rng = np.random.default_rng(6)
    run = program(case, engine_case, reverse)
    for number in range(250):
        params, carry, inputs, weights = draw_arguments(case, rng)
        mask, is_first = draw_marks(rng)
        if number % 5 == 0:
            mask = np.asarray(lengths_to_mask(rng.integers(T + 1, size=B), T))
        got = run(params, carry, inputs, mask, is_first, weights)
        want = run_batch(
            case.cell, params, carry, inputs, mask, is_first, reverse, weights
        )
        assert_close(got, want, tolerance(case, engine_case))

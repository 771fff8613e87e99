"""Contracts 1 to 6 of every cell on every engine, as `rnnjax.checks` states them.

Engines, batches, chunks and `vmap` are compared with a plain loop over the steps of
each sequence, `rnnjax/checks/loop.py`, so that they agree with each other too.
"""

import contextlib
import functools
import itertools

import jax
import numpy as np
import pytest

from rnnjax import cell_catalogue, lengths_to_mask
from rnnjax.checks import contracts
from rnnjax.checks.runs import run_under_vmap, run_with_gradients
from tests.cases import CellCase
from tests.every import CELLS, SMOOTH_CELLS, every, every_alone
from tests.loop import in_numpy
from tests.programs import B, T, draw_arguments, program, tolerance
from tests.pytrees import assert_same_bits, holds, part, steps

LENGTHS = np.array([0, 1, T])


def draw(case, seed, leading=(T, B)):
    return draw_arguments(case, np.random.default_rng(seed), leading)


def check_loop(case, engine_case, arguments, reverse):
    run, allowed = program(case, engine_case, reverse), tolerance(case, engine_case)
    options = {"reverse": reverse, "tolerance": allowed}
    holds(contracts.equal_to_loop(run, case.cell, arguments, **options))


@every(CELLS, directions=True)
def test_marked_batch_equals_loop(case, engine_case, reverse):
    for seed in range(3):
        check_loop(case, engine_case, draw(case, seed), reverse)


@every(CELLS, directions=True)
def test_padding(case, engine_case, reverse):
    run, arguments = program(case, engine_case, reverse), draw(case, 3)
    holds(contracts.empty_sequence(run, arguments))
    right = np.asarray(lengths_to_mask(LENGTHS, T))
    for mask in (arguments.mask, right):
        marked = arguments._replace(mask=mask)
        holds(contracts.padding(run, marked))
        got = run(*marked)
        for x in jax.tree.leaves((got.outputs, got.grads[2])):
            assert np.any(x[mask])


@every(CELLS, directions=True)
def test_resets(case, engine_case, reverse):
    run = program(case, engine_case, reverse)
    holds(contracts.resets(run, draw(case, 4), reverse=reverse))


@every(CELLS, directions=True)
def test_chunks(case, engine_case, reverse):
    run, allowed = program(case, engine_case, reverse), tolerance(case, engine_case)
    options = {"reverse": reverse, "tolerance": allowed}
    holds(contracts.chunks(run, case.cell, draw(case, 5, (2 * T, B)), **options))


@every(SMOOTH_CELLS)
def test_gradients(case, engine_case):
    holds(contracts.gradients(program(case, engine_case), draw(case, 6), 1e-7))


@every(CELLS, few=True)
def test_vmap(case, engine_case):
    run = in_numpy(functools.partial(run_under_vmap, case.cell, engine_case.engine))
    allowed = tolerance(case, engine_case)
    holds(contracts.vmap(run, case.cell, draw(case, 7), allowed))


@every(CELLS, few=True)
def test_dtypes(case, engine_case):
    run = functools.partial(run_with_gradients, case.cell, engine_case.engine, False)
    holds(contracts.dtypes(run, draw(case, 8)))


@every_alone(CELLS)
def test_carry(case):
    arguments = draw(case, 9)
    one_step = steps(arguments.inputs, (0, 0))
    holds(contracts.carry(case.cell, arguments.params, one_step, B))


@every_alone(CELLS)
def test_factors(case):
    params, carry, inputs, *_ = draw(case, 10)
    allowed = 0.02 if case.rounded else 1e-11
    holds(contracts.factors(case.cell, params, carry, steps(inputs, 0), allowed))


@every(CELLS, few=True)
def test_no_steps_are_no_error(case, engine_case):
    """A sequence of no steps ends with the carry it began with, outputs `[0, ...]`."""
    arguments = draw(case, 11, (0, B))
    got = program(case, engine_case)(*arguments)
    of_carry, of_outputs = arguments.weights
    assert_same_bits((got.carry, got.grads[1]), (arguments.carry, part(of_carry)[0]))
    for x, want in zip(jax.tree.leaves(got.outputs), jax.tree.leaves(of_outputs)):
        assert x.shape == want.shape and x.shape[0] == 0
    assert not any(np.any(grad) for grad in got.grads[0])


def check_variant(case, engine_case, leading, given, reverse=False):
    """Compares with the loop where only some arguments of `unroll` are given."""
    left_out = dict.fromkeys({"carry", "mask", "is_first"} - set(given))
    arguments = draw(case, 12, leading)._replace(**left_out)
    check_loop(case, engine_case, arguments, reverse)


@pytest.mark.parametrize(
    ("leading", "given"), [((T,), ()), ((T, 2, B), ("is_first", "carry"))]
)
@every(CELLS, few=True)
def test_other_batches_equal_loop(case, engine_case, leading, given):
    check_variant(case, engine_case, leading, given)


@pytest.mark.slow
@every(CELLS)
def test_every_variant_equals_loop(case, engine_case):
    for flags in itertools.product([False, True], repeat=4):
        *flags, reverse = flags
        given = itertools.compress(("carry", "mask", "is_first"), flags)
        check_variant(case, engine_case, (T, B), given, reverse)


@pytest.mark.slow
@pytest.mark.parametrize("leading", [(T,), (T, 2, B), (T, 1), (1, B), (1, 1)])
@every(CELLS)
def test_every_shape_equals_loop(case, engine_case, leading):
    check_variant(case, engine_case, leading, ("carry", "mask", "is_first"))


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


@pytest.mark.slow
@every(SMALLEST)
def test_sizes_of_one_equal_loop(case, engine_case):
    check_variant(case, engine_case, (1, 1), ())


@pytest.mark.slow
@every(CELLS, directions=True)
def test_500_draws_equal_loop(case, engine_case, reverse):
    """Of values, masks, resets and lengths."""
    for seed in range(250):
        arguments = draw(case, seed)
        if seed % 5 == 0:
            lengths = np.random.default_rng(seed).integers(T + 1, size=B)
            mask = np.asarray(lengths_to_mask(lengths, T))
            arguments = arguments._replace(mask=mask)
        check_loop(case, engine_case, arguments, reverse)

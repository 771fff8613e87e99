"""Contract 4: every engine gives what a plain loop gives, gradients too."""

import numpy as np
import pytest

from tests.loop import run_alone, run_sequence
from tests.programs import T, draw_arguments, draw_marks, program
from tests.trees import assert_close


def tolerance(case, engine_case):
    return max(engine_case.tolerance, 0.02 if case.rounded else 0)


@pytest.mark.parametrize("reverse", [False, True])
def test_marked_batch_equals_loop(case, engine_case, reverse):
    rng = np.random.default_rng(0)
    run = program(case.cell, engine_case.engine, reverse)
    for _ in range(3):
        params, carry, inputs, weights = draw_arguments(case, rng)
        mask, is_first = draw_marks(rng)
        got = run(params, carry, inputs, mask, is_first, weights)
        want = run_alone(
            case.cell, params, carry, inputs, mask, is_first, reverse, weights
        )
        assert_close(got, want, tolerance(case, engine_case))


def test_single_sequence_equals_loop(case, engine_case):
    rng = np.random.default_rng(1)
    params, _, inputs, weights = draw_arguments(case, rng, (T,))
    run = program(case.cell, engine_case.engine)
    got = run(params, None, inputs, None, None, weights)
    all_real, none_first = np.ones(T, bool), np.zeros(T, bool)
    want = run_sequence(
        case.cell, params, None, inputs, all_real, none_first, False, weights
    )
    assert_close(got, want, tolerance(case, engine_case))

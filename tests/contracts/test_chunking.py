"""Contract 5: a sequence in chunks, the carry handed on, is the sequence at once."""

import jax
import numpy as np

from tests.every import CELLS, every
from tests.loop import Run, run_batch
from tests.programs import B, T, draw_arguments, draw_marks, program, tolerance
from tests.pytrees import assert_close, part, steps

HALVES = slice(T), slice(T, 2 * T)


@every(CELLS, directions=True, few=True)
def test_two_chunks_equal_loop_over_both(case, engine_case, reverse):
    """Values, and gradients handed back from the chunk computed last to the other."""
    rng = np.random.default_rng(0)
    run = program(case, engine_case, reverse)
    leading = (2 * T, B)
    params, carry, inputs, weights = draw_arguments(case, rng, leading)
    mask, is_first = draw_marks(rng, leading)
    if reverse:
        is_first[T] = False  # this chunk cannot know that the other begins anew

    def run_chunk(half, carry, carry_weights):
        marked = steps((inputs, mask, is_first), half)
        return run(params, carry, *marked, (carry_weights, steps(weights[1], half)))

    near, far = HALVES[::-1] if reverse else HALVES
    handed_on = run_chunk(near, carry, weights[0]).carry
    last = run_chunk(far, handed_on, weights[0])
    carry_weights = part(carry)[1](last.grads[1])
    first = run_chunk(near, carry, carry_weights)

    def join(x, y):
        return np.concatenate((y, x) if reverse else (x, y))

    got = Run(
        last.carry,
        jax.tree.map(join, first.outputs, last.outputs),
        (
            jax.tree.map(lambda x, y: x + y, first.grads[0], last.grads[0]),
            first.grads[1],
            jax.tree.map(join, first.grads[2], last.grads[2]),
        ),
    )
    want = run_batch(case.cell, params, carry, inputs, mask, is_first, reverse, weights)
    assert_close(got, want, tolerance(case, engine_case))

"""The clockwork network against its paper, and what its modules hear."""

import numpy as np
import pytest

from rnnjax import elman
from rnnjax.cells.clockwork import ClockworkCarry, clockwork
from rnnjax.unroll import unroll
from tests.cells.paper import B, T, check_against_paper, draw, with_outputs
from tests.pytrees import assert_close

H, PERIODS = 6, (1, 2, 4)  # modules of two units, the quick ones first


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, use_bias):
    """Koutnik et al. 2014: block upper triangular, one module at a time."""

    def module(params, h, x, g):
        own = slice(2 * g, 2 * g + 2)
        total = x @ params["kernel"][:, own]
        for j in range(g, len(PERIODS)):
            slower = slice(2 * j, 2 * j + 2)
            total = total + h[slower] @ params["recurrent_kernel"][slower, own]
        return own, np.tanh(total + params["bias"][own] if use_bias else total)

    def step(params, count, h, x):
        new = h.copy()
        for row in range(B):  # each sequence by its own clock
            for g, period in enumerate(PERIODS):
                if count[row] % period == 0:
                    own, values = module(params, h[row], x[row], g)
                    new[row, own] = values
        return (count + 1, new), new

    check_against_paper(clockwork(H, PERIODS, use_bias=use_bias), with_outputs(step))


@pytest.mark.parametrize("period", [1, 3])
def test_one_period_is_elman_between_its_ticks(x64, period):
    """Modules of period 1 make a simple recurrent network; of 3, at every third."""
    params, inputs = draw(elman(H), scale=1.0)
    _, got = unroll(clockwork(H, (period,) * 3), params, inputs)
    _, want = unroll(elman(H), params, inputs[::period])
    assert_close(got, np.repeat(want, period, axis=0)[:T], 1e-14)


def test_slow_modules_do_not_hear_the_quick(x64):
    """In any order of the periods; the quick do hear the slow."""
    cell = clockwork(H, (4, 1, 2))
    params, inputs = draw(cell, 1, scale=1.0)

    def run(h):
        carry = ClockworkCarry(np.zeros(B, np.int32), h)
        return np.split(unroll(cell, params, inputs, carry=carry)[1], 3, axis=-1)

    plain = run(np.zeros((B, H)))
    for moved, heard in ((0, {0, 1, 2}), (2, {1, 2}), (1, {1})):
        h = np.zeros((B, H))
        h[:, 2 * moved : 2 * moved + 2] = 1.0
        changed = {g for g, x in enumerate(run(h)) if not np.array_equal(x, plain[g])}
        assert changed == heard


def test_count_goes_on_and_skips_masked_steps(x64):
    cell = clockwork(H, PERIODS)
    params, inputs = draw(cell)
    mask = np.random.default_rng(2).random((T, B)) < 0.6
    carry, _ = unroll(cell, params, inputs, mask=mask)
    np.testing.assert_array_equal(carry.count, mask.sum(axis=0))
    assert carry.count.dtype == np.int32

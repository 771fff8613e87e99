"""The clockwork network against its paper, and what its modules hear."""

import numpy as np
import pytest

from rnnjax import elman
from rnnjax.cells.clockwork import ClockworkCarry, clockwork
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, T, check_against_paper
from tests.pytrees import assert_close

H, PERIODS = 6, (1, 2, 4)  # modules of two units, the quick ones first


def draw_params(rng, size=H):
    return {
        "kernel": rng.normal(size=(D, size)),
        "recurrent_kernel": rng.normal(size=(size, size)),
        "bias": rng.normal(size=size),
    }


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, use_bias):
    """Koutnik et al. 2014: block upper triangular, one module at a time."""

    def from_paper(params, carry, inputs):
        (count, h), outputs = carry, []
        for x in inputs:
            new = h.copy()
            for row in range(B):  # each sequence by its own clock
                for g, period in enumerate(PERIODS):
                    if count[row] % period:
                        continue
                    own = slice(2 * g, 2 * g + 2)
                    total = x[row] @ params["kernel"][:, own]
                    for j in range(g, len(PERIODS)):
                        slower = slice(2 * j, 2 * j + 2)
                        block = params["recurrent_kernel"][slower, own]
                        total = total + h[row, slower] @ block
                    if use_bias:
                        total = total + params["bias"][own]
                    new[row, own] = np.tanh(total)
            count, h = count + 1, new
            outputs.append(h)
        return (count, h), np.stack(outputs)

    check_against_paper(clockwork(H, PERIODS, use_bias=use_bias), from_paper)


@pytest.mark.parametrize("period", [1, 3])
def test_one_period_is_elman_between_its_ticks(x64, period):
    """Modules of period 1 make a simple recurrent network; of 3, at every third."""
    rng = np.random.default_rng(0)
    params, inputs = draw_params(rng), rng.normal(size=(9, B, D))
    _, got = unroll(clockwork(H, (period,) * 3), params, inputs)
    _, want = unroll(elman(H), params, inputs[::period])
    assert_close(got, np.repeat(want, period, axis=0), 1e-14)


def test_slow_modules_do_not_hear_the_quick(x64):
    """In any order of the periods; the quick do hear the slow."""
    rng = np.random.default_rng(1)
    params, inputs = draw_params(rng), rng.normal(size=(T, B, D))
    cell = clockwork(H, (4, 1, 2))
    start = np.zeros((B, H))

    def run(h):
        carry = ClockworkCarry(np.zeros(B, np.int32), h)
        return np.split(unroll(cell, params, inputs, carry=carry)[1], 3, axis=-1)

    plain = run(start)
    for moved, heard in ((0, {0, 1, 2}), (2, {1, 2}), (1, {1})):
        h = start.copy()
        h[:, 2 * moved : 2 * moved + 2] = 1.0
        changed = {g for g, x in enumerate(run(h)) if not np.array_equal(x, plain[g])}
        assert changed == heard


def test_count_goes_on_and_skips_masked_steps(x64):
    rng = np.random.default_rng(2)
    params, inputs = draw_params(rng), rng.normal(size=(T, B, D))
    mask = rng.random((T, B)) < 0.6
    carry, _ = unroll(clockwork(H, PERIODS), params, inputs, mask=mask)
    np.testing.assert_array_equal(carry.count, mask.sum(axis=0))
    assert carry.count.dtype == np.int32


@pytest.mark.parametrize(
    ("size", "periods", "message"),
    [
        (0, PERIODS, "hidden_size must be a positive whole number, got 0."),
        (H, (1, 0, 2), "period must be a positive whole number, got 0."),
        (H, (1, 2.5), "period must be a positive whole number, got 2.5."),
        (7, PERIODS, "hidden_size must be a multiple of the number of periods, got 7 "),
        (H, (), "hidden_size must be a multiple of the number of periods, got 6 for 0"),
    ],
)
def test_bad_options_are_named(size, periods, message):
    with pytest.raises(ValueError, match=message):
        clockwork(size, periods)

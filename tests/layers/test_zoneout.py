"""`zoneout`: its paper's equations, and how often it keeps."""

import jax
import numpy as np
import pytest

from rnnjax import gru, lstm
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.wrappers.clip_cotangent import clip_cotangent
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.layers.recurrent import recurrent
from rnnjax.layers.zoneout import zoneout
from tests.cells.paper import B, D, H, draw, initial
from tests.layers.lstm_loop import lstm_loop
from tests.layers.programs import apply
from tests.pytrees import assert_close, assert_same_bits
from tests.user_cells import counting

RATES = LSTMCarry(h=0.2, c=0.7)


def test_expectation_equals_paper(x64):
    """Both are mixed by their rates; h is made of c before it is."""
    params, inputs = draw(lstm(H))
    carry, got = apply(zoneout(lstm(H), RATES), params, None, inputs)
    want = lstm_loop(params, inputs, kept=RATES)
    assert_close((carry["cell"], got), want, 1e-13)


def test_every_entry_is_kept_or_made_anew(x64):
    """By the rate of its own leaf, each step apart."""
    params, _ = draw(lstm(H))
    inputs = np.random.default_rng(1).normal(size=(200, 20, D))
    layer, key = zoneout(lstm(H), RATES), jax.random.key(1)
    step = jax.jit(lambda carry, x: layer.step(params, carry, x, key=key)[0])
    plain = jax.jit(lambda carry, x: lstm(H).step(params, carry, x)[0])
    carry = apply(layer, params, None, inputs[:1])[0]
    kept = []
    for x in inputs[1:]:
        new = plain(carry["cell"], x)
        old, carry = carry, step(carry, x)
        leaves = [np.stack(own) for own in (carry["cell"], old["cell"], new)]
        is_old, is_new = (np.abs(leaves[0] - x) < 1e-14 for x in leaves[1:])
        assert np.all(is_old ^ is_new)
        kept.append(is_old)
    kept = np.asarray(kept)
    for i, rate in enumerate(RATES):
        deviation = np.sqrt(rate * (1 - rate) / kept[:, i].size)
        assert abs(kept[:, i].mean() - rate) < 5 * deviation
    agreement = (kept[:, 0] == kept[:, 1]).mean()
    apart = RATES.h * RATES.c + (1 - RATES.h) * (1 - RATES.c)
    assert abs(agreement - apart) < 0.02


@pytest.mark.parametrize("key", [None, jax.random.key(1)])
def test_rate_of_nought_is_the_cell(key):
    layer = zoneout(gru(H), 0.0)
    params, inputs = jax.tree.map(np.float32, draw(layer))
    carry, outputs = apply(layer, params, None, inputs, key=key)
    want = apply(recurrent(gru(H)), params, None, inputs)
    assert_same_bits((carry["cell"], outputs), want)


@pytest.mark.parametrize("key", [None, jax.random.key(1)])
def test_rate_of_one_keeps_the_carry(x64, key):
    cell = learned_initial_carry(lstm(H))
    params, inputs = draw(cell)
    carry, outputs = apply(zoneout(cell, 1.0), params, None, inputs, key=key)
    start = cell.initial_carry(params, (B,))
    assert_close(carry["cell"], start, 0)
    assert_close(outputs, np.broadcast_to(start.h, outputs.shape), 0)


def test_bad_rates_and_cells_are_refused():
    for rates in (-0.1, 1.1, np.nan, LSTMCarry(h=0.1, c=2.0)):
        with pytest.raises(ValueError, match="rates must be from 0 to 1, got"):
            zoneout(lstm(H), rates)
    for cell in (counting(H), clip_cotangent(gru(H), max_norm=1.0)):
        with pytest.raises(ValueError, match="cell must have factors, got one that is"):
            zoneout(cell, 0.1)
    params, inputs = draw(gru(H))
    with pytest.raises(ValueError, match="rates must be a number or a tree like the"):
        apply(zoneout(gru(H), RATES), params, None, inputs)


def test_layers_are_cached_whatever_holds_the_rates():
    assert zoneout(lstm(H), RATES) is zoneout(lstm(H), LSTMCarry(h=0.2, c=0.7))
    assert zoneout(lstm(H), RATES) is not zoneout(lstm(H), 0.2)
    params = initial(zoneout(gru(H), 0.5))
    assert_same_bits(params, initial(gru(H)))

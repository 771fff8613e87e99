"""Dropout inside recurrence: of candidates, of what products read, of weights."""

import jax
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.layers.candidate_dropout import candidate_dropout
from rnnjax.layers.draws import draw_scale, draw_steps
from rnnjax.layers.recurrent import recurrent
from rnnjax.layers.variational_dropout import variational_dropout
from rnnjax.layers.weight_drop import weight_drop
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, draw, initial
from tests.layers.lstm_loop import lstm_loop
from tests.layers.programs import apply
from tests.pytrees import assert_close, assert_same_bits
from tests.user_cells import counting, reflecting

RATE = 0.3
KEY = jax.random.key(1)


def test_candidates_are_dropped_as_in_the_paper(x64):
    params, inputs = draw(lstm(H))
    kept = np.asarray(draw_steps(KEY, 1 - RATE, 0, T, (B, H)))
    want = lstm_loop(params, inputs, candidate_scale=kept / (1 - RATE))
    layer = candidate_dropout(lstm(H), RATE)
    carry, outputs = apply(layer, params, None, inputs, key=KEY)
    assert_close((carry["cell"], outputs), want, 1e-13)
    assert carry["time"] == T


def test_what_the_products_read_is_dropped(x64):
    """One mask for all steps, on h and not on c; its scale is one on average."""
    scale = np.asarray(draw_scale(KEY, RATE, (200, 300), np.float32))
    assert set(np.unique(scale)) == {0, np.float32(1 / (1 - RATE))}
    assert abs(scale.mean() - 1) < 0.02
    params, inputs = draw(lstm(H))
    scale = draw_scale(jax.random.fold_in(KEY, 0), RATE, (B, H), np.float64)
    want = lstm_loop(params, inputs, h_scale=np.asarray(scale))
    layer = variational_dropout(lstm(H), RATE)
    assert_close(apply(layer, params, None, inputs, key=KEY), want, 1e-13)


def test_in_reverse_it_reads_the_flipped_sequence():
    params, inputs = draw(lstm(H))
    reverse = variational_dropout(lstm(H), RATE, reverse=True)
    carry, outputs = apply(reverse, params, None, inputs, key=KEY)
    forward = variational_dropout(lstm(H), RATE)
    want = apply(forward, params, None, np.flip(inputs, 0), key=KEY)
    assert_close((carry, outputs[::-1]), want, 1e-6)
    assert reverse.step is None


def test_what_is_carried_on_is_not_dropped(x64):
    """A GRU whose update gate is shut keeps h, though its products read less of it."""
    params, inputs = draw(gru(H))
    params["bias"][H : 2 * H] = 800.0
    start = np.random.default_rng(1).normal(size=(B, H))
    layer = variational_dropout(gru(H), 0.9)
    assert_close(apply(layer, params, start, inputs, key=KEY)[0], start, 1e-14)


def test_weights_are_dropped_once(x64):
    params, inputs = draw(lstm(H))
    layer = weight_drop(lstm(H), RATE)
    got = apply(layer, params, None, inputs, key=KEY)
    position = sorted(params).index("recurrent_kernel")
    kernel = params["recurrent_kernel"]
    key = jax.random.fold_in(KEY, position)
    dropped = kernel * np.asarray(draw_scale(key, RATE, kernel.shape, np.float64))
    assert 0 < (dropped == 0).mean() < 1
    want = unroll(lstm(H), {**params, "recurrent_kernel": dropped}, inputs)
    assert_close(got, want, 1e-14)

    @jax.jit
    def total(params):
        return apply(layer, params, None, inputs, key=KEY)[1].sum()

    gradient = jax.grad(total)(params)["recurrent_kernel"]
    np.testing.assert_array_equal(gradient == 0, dropped == 0)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        (learned_initial_carry(gru(H)), "recurrent_kernel"),
        (gru(H, reset_after=False), "candidate_kernel"),
        (reflecting(H), "normal"),
    ],
)
def test_weights_are_found_in_the_tree_and_before_prepare(x64, cell, name):
    params, inputs = draw(cell)
    layer = weight_drop(cell, 0.5, names=(name,))
    dropped = apply(layer, params, None, inputs, key=KEY)[1]
    assert np.abs(dropped - unroll(cell, params, inputs)[1]).max() > 1e-3
    whole = initial(layer)
    assert_same_bits(whole, initial(cell))


@pytest.mark.parametrize("make", [weight_drop, variational_dropout, candidate_dropout])
def test_no_key_or_no_rate_is_the_cell(make):
    params = initial(lstm(H))
    inputs = np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)
    want = apply(recurrent(lstm(H)), params, None, inputs)
    for rate, key in ((RATE, None), (0.0, KEY)):
        carry, outputs = apply(make(lstm(H), rate), params, None, inputs, key=key)
        own = carry["cell"] if isinstance(carry, dict) else carry
        assert_same_bits((own, outputs), want)
    for rate in (-0.1, 1.0, np.nan):
        with pytest.raises(ValueError, match="rate must be from 0 to less than 1, got"):
            make(lstm(H), rate)


def test_what_cannot_be_dropped_is_refused():
    with pytest.raises(ValueError, match="cell must have factors, got one that is"):
        variational_dropout(counting(H), RATE)
    layer = weight_drop(elman(H), RATE, names=("recurent_kernel",))
    message = r"names must be among \[.*'bias'.*\], got \['recurent_kernel'\]\."
    with pytest.raises(ValueError, match=message):
        layer.init(jax.random.key(0), D)
    for cell in (gru(H), lstm_variant(H), counting(H)):
        with pytest.raises(ValueError, match="cell must be made by `lstm`, got"):
            candidate_dropout(cell, RATE)

"""Weights from and to Haiku."""

import jax
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.convert import from_haiku, to_haiku
from tests.convert.exchange import (
    B,
    D,
    H,
    draw_inputs,
    draw_params,
    message_of,
    outputs_of,
)
from tests.pytrees import assert_close, assert_same_bits, draw_like

CELLS = {
    elman: elman(H, activation="relu"),
    gru: gru(H, reset_after=False),
    lstm: lstm(H),
}
of_every_kind = pytest.mark.parametrize("maker", CELLS)


def to_coarse(bias):
    """Rounds numbers so far that 1 can be added to them and taken off exactly."""
    return np.round(bias * 2**20) / 2**20


def draw_haiku_params(maker):
    params = draw_params(CELLS[maker])
    if maker is lstm:
        params["bias"][H : 2 * H] = to_coarse(params["bias"][H : 2 * H])
    return params


@of_every_kind
@pytest.mark.parametrize("double_bias", [False, True])
def test_round_trip(maker, double_bias):
    params = draw_haiku_params(maker)
    weights = to_haiku(params, maker, "core", double_bias=double_bias)
    assert_same_bits(from_haiku(weights, maker, "core"), params)


def test_only_the_core_of_that_name_is_read():
    params = draw_haiku_params(lstm)
    first = to_haiku(params, lstm, "lstm")
    other = to_haiku(draw_params(CELLS[gru], 1), gru, "lstm_1")
    assert sorted(first | other) == ["lstm/linear", "lstm_1"]
    assert_same_bits(from_haiku(first | other, lstm, "lstm"), params)


def test_a_forget_bias_that_cannot_be_moved_exactly_is_refused():
    weights = to_haiku(draw_haiku_params(lstm), lstm, "lstm")
    weights["lstm/linear"]["b"][2 * H] = 0.1
    assert message_of(from_haiku, weights, lstm, "lstm") == (
        "the forget gate's bias must be such that the 1 which Haiku's step adds to it "
        "can be added exactly in float32, got 0.1; in float64 it mostly can."
    )
    weights = jax.tree.map(np.float64, weights)
    params = from_haiku(weights, lstm, "lstm")
    assert params["bias"][H] == 1 + np.float64(np.float32(0.1))
    assert_same_bits(to_haiku(params, lstm, "lstm"), weights)
    params = jax.tree.map(np.float32, params)
    params["bias"][H] = 0.1
    assert "can be taken off exactly in float32" in message_of(
        to_haiku, params, lstm, "lstm"
    )


def test_what_haiku_has_no_place_for():
    assert message_of(to_haiku, draw_params(gru(H)), gru, "gru") == (
        "params must be of gru(..., reset_after=False), the form that "
        "Haiku's GRU computes, got bias, candidate_bias, kernel, "
        "recurrent_kernel."
    )
    bare = draw_params(elman(H, use_bias=False))
    assert message_of(to_haiku, bare, elman, "rnn").startswith(
        "params must have a bias, as Haiku's cells always do"
    )


def test_bad_weights():
    weights = to_haiku(draw_haiku_params(gru), gru, "gru")
    assert message_of(from_haiku, weights, gru, "core") == (
        "weights must have w_i, got nothing."
    )
    weights["gru"]["b"] = np.ones(4 * H)
    assert message_of(from_haiku, weights, gru, "gru") == (
        "weights['b'] must be [15], got [20]."
    )
    narrow = {"lstm/linear": {"w": np.ones((H + D, 19)), "b": np.ones(19)}}
    assert message_of(from_haiku, narrow, lstm, "lstm") == (
        "weights['linear/w'] must have shape (input_size + hidden_size, "
        "4 * hidden_size), got (7, 19)."
    )
    twice = to_haiku(draw_haiku_params(elman), elman, "rnn")
    twice["rnn/linear_2"] = {"w": np.ones((H, H))}
    assert message_of(from_haiku, twice, elman, "rnn") == (
        "weights must have no names but linear/w, linear/b, linear_1/w, linear_1/b, "
        "got linear_2/w too."
    )


@pytest.mark.conformance
@of_every_kind
def test_equals_haiku(maker):
    """Takes the weights from a core, and gives them back."""
    haiku = pytest.importorskip("haiku")
    make = {elman: haiku.VanillaRNN, gru: haiku.GRU, lstm: haiku.LSTM}[maker]

    def unroll(inputs):
        core = make(H, name="core")
        return haiku.dynamic_unroll(core, inputs, core.initial_state(B))

    peer = haiku.without_apply_rng(haiku.transform(unroll))
    inputs = draw_inputs()
    shapes = jax.eval_shape(peer.init, jax.random.key(0), inputs)
    weights = draw_like(np.random.default_rng(0), shapes, np.float32)
    if maker is lstm:
        weights["core/linear"]["b"] = to_coarse(weights["core/linear"]["b"])
    params = from_haiku(weights, maker, "core")
    want, want_carry = jax.jit(peer.apply)(weights, inputs)
    carry, outputs = outputs_of(CELLS[maker], params, inputs)
    got = (outputs, jax.tree.leaves(carry))
    assert_close(got, (want, jax.tree.leaves(want_carry)), 1e-6)

    written = to_haiku(params, maker, "core")
    want_shapes = jax.tree.map(np.shape, shapes)
    assert jax.tree.map(np.shape, written) == want_shapes
    again, _ = jax.jit(peer.apply)(written, inputs)
    assert_close(again, want, 1e-6)

"""Weights from and to Equinox, Haiku, Flax Linen and Flax NNX."""

import functools

import jax
import numpy as np
import pytest
from flax import linen, nnx

from rnnjax import elman, gru, lstm
from rnnjax.convert import (
    from_equinox,
    from_haiku,
    from_linen,
    from_nnx,
    to_equinox,
    to_haiku,
    to_linen,
    to_nnx,
    to_pytorch,
)
from tests.convert.exchange import (
    INPUTS,
    LENGTHS,
    B,
    D,
    H,
    assert_computes,
    draw_params,
    message_of,
)
from tests.pytrees import assert_close, assert_same_bits, draw_like

HAIKU = {
    elman: elman(H, activation="relu"),
    gru: gru(H, reset_after=False),
    lstm: lstm(H),
}
FLAX = {
    "SimpleCell": (elman, {}),
    "GRUCell": (gru, {}),
    "LSTMCell": (lstm, {"optimized": False}),
    "OptimizedLSTMCell": (lstm, {}),
}


def to_coarse(bias):
    """Rounds numbers so far that 1 can be added to them and taken off exactly."""
    return np.round(bias * 2**20) / 2**20


def draw_haiku_params(maker):
    params = draw_params(HAIKU[maker])
    if maker is lstm:
        params["bias"][H : 2 * H] = to_coarse(params["bias"][H : 2 * H])
    return params


def draw_nnx_params(maker):
    params = draw_params(maker(H))
    if maker is gru:
        params["candidate_bias"] = np.zeros(H, np.float32)
    return params


with_and_without_bias = pytest.mark.parametrize("use_bias", [False, True])


@pytest.mark.parametrize("maker", [gru, lstm])
@with_and_without_bias
def test_equinox_round_trip(maker, use_bias):
    params = draw_params(maker(H, use_bias=use_bias))
    assert_same_bits(from_equinox(to_equinox(params, maker), maker), params)


@pytest.mark.parametrize("maker", HAIKU)
@pytest.mark.parametrize("double_bias", [False, True])
def test_haiku_round_trip(maker, double_bias):
    params = draw_haiku_params(maker)
    weights = to_haiku(params, maker, "core", double_bias=double_bias)
    assert_same_bits(from_haiku(weights, maker, "core"), params)


@pytest.mark.parametrize("maker", [elman, gru, lstm])
def test_linen_round_trip(maker):
    params = draw_params(maker(H))
    assert_same_bits(from_linen(to_linen(params, maker), maker), params)


@pytest.mark.parametrize(("maker", "options"), FLAX.values(), ids=FLAX)
def test_nnx_round_trip(maker, options):
    params = draw_nnx_params(maker)
    assert_same_bits(from_nnx(to_nnx(params, maker, **options), maker), params)


WRITERS = {
    "Equinox": to_equinox,
    "Haiku": lambda params, maker: to_haiku(params, maker, "core"),
    "Linen": to_linen,
    "NNX": to_nnx,
    "PyTorch": lambda params, maker: to_pytorch((params,), maker),
}


@pytest.mark.parametrize("peer", WRITERS)
def test_the_form_of_a_gru_that_a_peer_does_not_compute_is_refused(peer):
    after = peer != "Haiku"
    candidates = "candidate_kernel" if after else "candidate_bias"
    params = draw_params(gru(H, reset_after=not after))
    assert message_of(WRITERS[peer], params, gru) == (
        f"params must be of gru(..., reset_after={after}), the form that {peer}'s GRU "
        f"computes, got bias, {candidates}, kernel, recurrent_kernel."
    )


@pytest.mark.parametrize(
    ("peer", "maker"), [("Haiku", elman), ("Linen", lstm), ("NNX", elman)]
)
def test_cells_without_a_bias_are_refused_by_peers_that_always_have_one(peer, maker):
    params = draw_params(maker(H, use_bias=False))
    assert message_of(WRITERS[peer], params, maker) == (
        f"params must have a bias, as {peer}'s cells always do, got kernel, "
        "recurrent_kernel."
    )


def test_a_candidate_bias_has_no_place_in_nnx():
    params = draw_params(gru(2))
    params["candidate_bias"][:] = [0, 0.25]
    assert message_of(to_nnx, params, gru) == (
        "params['candidate_bias'] must be zeros, for NNX' GRUCell has none, "
        "got [0.   0.25]."
    )


def test_only_the_haiku_core_of_that_name_is_read():
    params = draw_haiku_params(lstm)
    first = to_haiku(params, lstm, "lstm")
    other = to_haiku(draw_params(HAIKU[gru], 1), gru, "lstm_1")
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
    message = message_of(to_haiku, params, lstm, "lstm")
    assert "can be taken off exactly in float32" in message


EQUINOX_GRU = to_equinox(draw_params(gru(H)), gru)
LINEN_LSTM = to_linen(draw_params(lstm(H)), lstm)
NNX_GRU = to_nnx(draw_nnx_params(gru), gru)
HAIKU_GRU = to_haiku(draw_haiku_params(gru), gru, "gru")
HAIKU_ELMAN = to_haiku(draw_haiku_params(elman), elman, "rnn")
BAD_WEIGHTS = [
    (
        (from_equinox, EQUINOX_GRU, lstm),
        "weights must have no names but weight_ih, weight_hh, bias, got bias_n too.",
    ),
    (
        (from_equinox, EQUINOX_GRU | {"bias_n": np.ones(3 * H)}, gru),
        "weights['bias_n'] must be [5], got [15].",
    ),
    (
        (from_equinox, {x: EQUINOX_GRU[x] for x in EQUINOX_GRU if x != "bias"}, gru),
        "weights must have bias, got bias_n, weight_hh, weight_ih.",
    ),
    ((from_haiku, HAIKU_GRU, gru, "core"), "weights must have w_i, got nothing."),
    (
        (from_haiku, {"gru": HAIKU_GRU["gru"] | {"b": np.ones(4 * H)}}, gru, "gru"),
        "weights['b'] must be [15], got [20].",
    ),
    (
        (
            from_haiku,
            {"lstm/linear": {"w": np.ones((H + D, 19)), "b": np.ones(19)}},
            lstm,
            "lstm",
        ),
        "weights['linear/w'] must have shape (input_size + hidden_size, "
        "4 * hidden_size), got (7, 19).",
    ),
    (
        (from_haiku, HAIKU_ELMAN | {"rnn/linear_2": {"w": np.ones(2)}}, elman, "rnn"),
        "weights must have no names but linear/w, linear/b, linear_1/w, linear_1/b, "
        "got linear_2/w too.",
    ),
    (
        (from_linen, LINEN_LSTM | {"ho": {"kernel": np.ones((H, 4)), "bias": 1}}, lstm),
        "weights['ho/kernel'] must be [5, 5], got [5, 4].",
    ),
    (
        (from_linen, LINEN_LSTM | {"hn": {"bias": np.ones(H)}}, lstm),
        "weights must have no names but ii/kernel, hi/kernel, hi/bias, if/kernel, "
        "hf/kernel, hf/bias, ig/kernel, hg/kernel, hg/bias, io/kernel, ho/kernel, "
        "ho/bias, got hn/bias too.",
    ),
    (
        (from_linen, {"cell": LINEN_LSTM}, lstm),
        "weights must have ii/kernel, got cell/hf/bias, ",
    ),
    (
        (from_nnx, NNX_GRU, lstm),
        "weights must have dense_h/bias, got dense_h/kernel, dense_i/bias, "
        "dense_i/kernel.",
    ),
    (
        (from_nnx, NNX_GRU, elman),
        f"weights['dense_i/kernel'] must be [{D}, 5], got [{D}, 15].",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD_WEIGHTS)
def test_bad_weights_are_refused(call, message):
    got = message_of(*call)
    assert got == message or message.endswith(", ") and got.startswith(message)


@pytest.mark.conformance
@pytest.mark.parametrize("maker", [gru, lstm])
@with_and_without_bias
def test_equals_equinox(maker, use_bias):
    """Takes the weights from a cell, and gives them back."""
    equinox = pytest.importorskip("equinox")
    make = {gru: equinox.nn.GRUCell, lstm: equinox.nn.LSTMCell}[maker]
    cell = make(D, H, use_bias=use_bias, key=jax.random.key(0))
    weights = {name: x for name, x in sorted(vars(cell).items()) if equinox.is_array(x)}
    params = from_equinox(weights, maker)
    assert_same_bits(to_equinox(params, maker), weights)

    def step(carry, inputs):
        carry = jax.vmap(cell)(inputs, carry)
        return carry, carry[0] if maker is lstm else carry

    zeros = np.zeros((B, H), np.float32)
    zeros = (zeros, zeros) if maker is lstm else zeros
    carry, want = jax.lax.scan(step, zeros, INPUTS)
    cell = maker(H, use_bias=use_bias)
    assert_computes(cell, params, want, jax.tree.leaves(carry))


@pytest.mark.conformance
@pytest.mark.parametrize("maker", HAIKU)
def test_equals_haiku(maker):
    """Takes the weights from a core, and gives them back."""
    haiku = pytest.importorskip("haiku")
    make = {elman: haiku.VanillaRNN, gru: haiku.GRU, lstm: haiku.LSTM}[maker]

    def unroll(inputs):
        core = make(H, name="core")
        return haiku.dynamic_unroll(core, inputs, core.initial_state(B))

    peer = haiku.without_apply_rng(haiku.transform(unroll))
    shapes = jax.eval_shape(peer.init, jax.random.key(0), INPUTS)
    weights = draw_like(np.random.default_rng(0), shapes, np.float32)
    if maker is lstm:
        weights["core/linear"]["b"] = to_coarse(weights["core/linear"]["b"])
    params = from_haiku(weights, maker, "core")
    want, carry = jax.jit(peer.apply)(weights, INPUTS)
    assert_computes(HAIKU[maker], params, want, jax.tree.leaves(carry))

    written = to_haiku(params, maker, "core")
    assert jax.tree.map(np.shape, written) == jax.tree.map(np.shape, shapes)
    again, _ = jax.jit(peer.apply)(written, INPUTS)
    assert_close(again, want, 1e-6)


def check_flax(read, write, maker, weights, peer):
    """Takes the weights from Flax, and gives them back; its carry is (c, h)."""
    params = read(weights, maker)
    assert_same_bits(write(params, maker), weights)
    carry, want = peer(INPUTS, seq_lengths=LENGTHS)
    leaves = jax.tree.leaves(carry)[::-1]
    assert_computes(maker(H), params, want, leaves, LENGTHS)


@pytest.mark.parametrize("name", FLAX)
def test_equals_linen(name):
    maker, _ = FLAX[name]
    peer = linen.RNN(getattr(linen, name)(H), time_major=True, return_carry=True)
    shapes = jax.eval_shape(peer.init, jax.random.key(0), INPUTS)
    variables = draw_like(np.random.default_rng(0), shapes, np.float32)
    run = functools.partial(jax.jit(peer.apply), variables)
    check_flax(from_linen, to_linen, maker, variables["params"]["cell"], run)


@pytest.mark.parametrize("name", FLAX)
def test_equals_nnx(name):
    maker, options = FLAX[name]
    cell = getattr(nnx, name)(D, H, rngs=nnx.Rngs(0))
    shapes = nnx.to_pure_dict(nnx.state(cell, nnx.Param))
    weights = draw_like(np.random.default_rng(0), shapes, np.float32)
    nnx.update(cell, weights)
    peer = nnx.RNN(cell, time_major=True, return_carry=True)
    write = functools.partial(to_nnx, **options)
    check_flax(from_nnx, write, maker, weights, peer)

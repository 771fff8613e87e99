"""Weights from and to Flax NNX."""

import jax
import numpy as np
import pytest
from flax import nnx

from rnnjax import elman, gru, lstm
from rnnjax.convert import from_nnx, to_nnx
from tests.convert.exchange import (
    LENGTHS,
    D,
    H,
    T,
    draw_inputs,
    draw_params,
    message_of,
    outputs_of,
)
from tests.pytrees import assert_close, assert_same_bits, draw_like

PEERS = {
    "SimpleCell": (elman, {}),
    "GRUCell": (gru, {}),
    "LSTMCell": (lstm, {"optimized": False}),
    "OptimizedLSTMCell": (lstm, {}),
}


def draw_nnx_params(maker):
    params = draw_params(maker(H))
    if maker is gru:
        params["candidate_bias"] = np.zeros(H, np.float32)
    return params


@pytest.mark.parametrize(("maker", "options"), PEERS.values(), ids=PEERS)
def test_round_trip(maker, options):
    params = draw_nnx_params(maker)
    assert_same_bits(from_nnx(to_nnx(params, maker, **options), maker), params)


def test_what_nnx_has_no_place_for():
    params = draw_params(gru(2))
    params["candidate_bias"][:] = [0, 0.25]
    assert message_of(to_nnx, params, gru) == (
        "params['candidate_bias'] must be zeros, for NNX' GRUCell has none, "
        "got [0.   0.25]."
    )
    before = draw_params(gru(H, reset_after=False))
    assert message_of(to_nnx, before, gru).startswith(
        "params must be of gru(..., reset_after=True), the form that NNX's GRU"
    )
    assert message_of(to_nnx, draw_params(elman(H, use_bias=False)), elman) == (
        "params must have a bias, as NNX's cells always do, got kernel, "
        "recurrent_kernel."
    )


def test_bad_weights():
    weights = to_nnx(draw_nnx_params(gru), gru)
    assert message_of(from_nnx, weights, lstm) == (
        "weights must have dense_h/bias, got dense_h/kernel, dense_i/bias, "
        "dense_i/kernel."
    )
    assert message_of(from_nnx, weights, elman) == (
        f"weights['dense_i/kernel'] must be [{D}, 5], got [{D}, 15]."
    )


@pytest.mark.parametrize("name", PEERS)
def test_equals_nnx(name):
    """Takes the weights from a cell, and gives them back."""
    maker, options = PEERS[name]
    cell = getattr(nnx, name)(D, H, rngs=nnx.Rngs(0))
    shapes = nnx.to_pure_dict(nnx.state(cell, nnx.Param))
    weights = draw_like(np.random.default_rng(0), shapes, np.float32)
    nnx.update(cell, weights)
    params = from_nnx(weights, maker)
    assert_same_bits(to_nnx(params, maker, **options), weights)

    inputs = draw_inputs()
    peer = nnx.RNN(cell, time_major=True, return_carry=True)
    want_carry, want = peer(inputs, seq_lengths=LENGTHS)
    want = np.where((np.arange(T)[:, None] < LENGTHS)[..., None], want, 0)
    carry, outputs = outputs_of(maker(H), params, inputs, LENGTHS)
    leaves = jax.tree.leaves(carry)
    # NNX' carry is (c, h)
    assert_close((outputs, leaves), (want, jax.tree.leaves(want_carry)[::-1]), 1e-6)

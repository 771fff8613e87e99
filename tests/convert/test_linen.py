"""Weights from and to Flax Linen."""

import jax
import numpy as np
import pytest
from flax import linen

from rnnjax import elman, gru, lstm
from rnnjax.convert import from_linen, to_linen
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
    "SimpleCell": elman,
    "GRUCell": gru,
    "LSTMCell": lstm,
    "OptimizedLSTMCell": lstm,
}


@pytest.mark.parametrize("maker", [elman, gru, lstm])
def test_round_trip(maker):
    params = draw_params(maker(H))
    assert_same_bits(from_linen(to_linen(params, maker), maker), params)


def test_bad_weights():
    weights = to_linen(draw_params(lstm(H)), lstm)
    narrow = weights | {"ho": {"kernel": np.ones((H, 4)), "bias": np.ones(H)}}
    assert message_of(from_linen, narrow, lstm) == (
        "weights['ho/kernel'] must be [5, 5], got [5, 4]."
    )
    assert message_of(from_linen, weights | {"hn": {"bias": np.ones(H)}}, lstm) == (
        "weights must have no names but ii/kernel, hi/kernel, hi/bias, if/kernel, "
        "hf/kernel, hf/bias, ig/kernel, hg/kernel, hg/bias, io/kernel, ho/kernel, "
        "ho/bias, got hn/bias too."
    )
    assert message_of(from_linen, {"cell": weights}, lstm).startswith(
        "weights must have ii/kernel, got cell/hf/bias, "
    )


def test_what_linen_has_no_place_for():
    assert message_of(to_linen, draw_params(lstm(H, use_bias=False)), lstm) == (
        "params must have a bias, as Linen's cells always do, got kernel, "
        "recurrent_kernel."
    )
    assert message_of(to_linen, draw_params(gru(H, reset_after=False)), gru).startswith(
        "params must be of gru(..., reset_after=True), the form that Linen's GRU"
    )


@pytest.mark.parametrize("name", PEERS)
def test_equals_linen(name):
    """Takes the weights from a layer, and gives them back."""
    maker = PEERS[name]
    peer = linen.RNN(getattr(linen, name)(H), time_major=True, return_carry=True)
    inputs = draw_inputs()
    shapes = jax.eval_shape(peer.init, jax.random.key(0), inputs)
    variables = draw_like(np.random.default_rng(0), shapes, np.float32)
    weights = variables["params"]["cell"]
    params = from_linen(weights, maker)
    assert_same_bits(to_linen(params, maker), weights)

    want_carry, want = jax.jit(peer.apply)(variables, inputs, seq_lengths=LENGTHS)
    want = np.where((np.arange(T)[:, None] < LENGTHS)[..., None], want, 0)
    carry, outputs = outputs_of(maker(H), params, inputs, LENGTHS)
    assert params["kernel"].shape[0] == D
    leaves = jax.tree.leaves(carry)
    # Linen's carry is (c, h)
    assert_close((outputs, leaves), (want, jax.tree.leaves(want_carry)[::-1]), 1e-6)

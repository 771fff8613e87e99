"""Weights from and to Keras."""

import os

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, elman, gru, lengths_to_mask, lstm
from rnnjax.convert import from_keras, to_keras
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
from tests.trees import assert_close, assert_same_bits

KINDS = {
    "SimpleRNN": (elman, {}),
    "LSTM": (lstm, {}),
    "GRU": (gru, {"reset_after": True}),
    "GRU, reset before": (gru, {"reset_after": False}),
}
of_every_kind = pytest.mark.parametrize(("maker", "options"), KINDS.values(), ids=KINDS)
with_and_without_bias = pytest.mark.parametrize("use_bias", [False, True])


@of_every_kind
@with_and_without_bias
def test_round_trip(maker, options, use_bias):
    params = draw_params(maker(H, use_bias=use_bias, **options))
    weights = to_keras(params, maker)
    assert list(weights) == ["kernel", "recurrent_kernel", "bias"][: 2 + use_bias]
    assert_same_bits(from_keras(weights, maker, **options), params)


def test_two_biases_are_added_but_for_a_candidates():
    weights = to_keras(draw_params(gru(H)), gru)
    weights["bias"] = np.random.default_rng(0).normal(size=(2, 3 * H))
    params = from_keras(weights, gru)
    z, r, n = np.split(weights["bias"], 3, axis=1)
    assert_same_bits(params["bias"], np.concatenate([r.sum(0), z.sum(0), n[0]]))
    assert_same_bits(params["candidate_bias"], n[1])


def test_bad_weights():
    weights = to_keras(draw_params(gru(H)), gru)
    assert message_of(from_keras, weights, gru, reset_after=False) == (
        "weights['bias'] must have shape (15,), got (2, 15)."
    )
    assert message_of(from_keras, weights, lstm) == (
        f"weights['kernel'] must have shape ({D}, 20), got ({D}, 15)."
    )
    assert message_of(from_keras, weights | {"gamma": np.ones(H)}, gru) == (
        "weights must have no names but kernel, recurrent_kernel, bias, got gamma too."
    )
    del weights["recurrent_kernel"]
    assert message_of(from_keras, weights, gru) == (
        "weights must have recurrent_kernel, got bias, kernel."
    )


def test_bad_params():
    params = draw_params(gru(H))
    del params["candidate_bias"]
    assert message_of(to_keras, params, gru) == (
        "params must have candidate_bias, got bias, kernel, recurrent_kernel."
    )


@pytest.fixture(scope="module")
def layers():
    os.environ.setdefault("KERAS_BACKEND", "jax")
    return pytest.importorskip("keras").layers


def read(layer, maker, **options):
    weights = {weight.name: np.asarray(weight.value) for weight in layer.weights}
    return from_keras(weights, maker, **options)


def batch_first(outputs):
    return np.swapaxes(np.asarray(outputs), 0, 1)


def randomize(layer, seed=0):
    """Gives a layer, biases too, random weights."""
    rng = np.random.default_rng(seed)
    layer.build((None, T, D))
    layer.set_weights([rng.normal(size=x.shape) / 2 for x in layer.weights])


@pytest.mark.conformance
@of_every_kind
@with_and_without_bias
def test_equals_keras(layers, maker, options, use_bias):
    """Takes the weights from a layer, and puts them back into another."""
    make = {elman: layers.SimpleRNN, gru: layers.GRU, lstm: layers.LSTM}[maker]
    peer, other = (
        make(H, use_bias=use_bias, return_sequences=True, return_state=True, **options)
        for _ in range(2)
    )
    randomize(peer)
    params = read(peer, maker, **options)
    inputs = draw_inputs()
    mask = np.asarray(lengths_to_mask(LENGTHS, T))
    cell = maker(H, use_bias=use_bias, **options)
    carry, outputs = outputs_of(cell, params, inputs, LENGTHS)
    want, *states = peer(batch_first(inputs), mask=mask.T)
    # Keras repeats the last output where it is masked
    want = np.where(mask[..., None], batch_first(want), 0)
    assert_close((outputs, jax.tree.leaves(carry)), (want, states), 1e-6)

    other.build((None, T, D))
    other.set_weights(list(to_keras(params, maker).values()))
    _, *again = other(batch_first(inputs), mask=mask.T)
    assert_close(again, states, 1e-6)


@pytest.mark.conformance
def test_equals_keras_in_both_directions(layers):
    peer = layers.Bidirectional(layers.LSTM(H, return_sequences=True))
    randomize(peer)
    params = {
        "forward": read(peer.forward_layer, lstm),
        "backward": read(peer.backward_layer, lstm),
    }
    inputs = draw_inputs()
    _, outputs = jax.jit(bidirectional(lstm(H)).apply)(params, None, inputs)
    assert_close(outputs, batch_first(peer(batch_first(inputs))), 1e-6)

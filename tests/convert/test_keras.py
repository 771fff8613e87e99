"""Weights from and to Keras."""

import os

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, elman, gru, lstm
from rnnjax.convert import from_keras, to_keras
from tests.convert.exchange import (
    INPUTS,
    LENGTHS,
    MASK,
    D,
    H,
    T,
    assert_computes,
    draw_params,
    message_of,
)
from tests.pytrees import assert_close, assert_same_bits

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


def keras_loads_cudnn(weights, num_gates):
    """The conversion in Keras 2's own loader: hdf5_format._convert_rnn_weights."""

    def from_cudnn(kernel):
        return kernel.T.reshape(kernel.shape, order="F")

    kernels, recurrent_kernels = (
        np.hstack([from_cudnn(x) for x in np.hsplit(weights[name], num_gates)])
        for name in ("kernel", "recurrent_kernel")
    )
    bias = weights["bias"].reshape(2, -1)
    bias = bias.sum(axis=0) if num_gates == 4 else bias
    return {"kernel": kernels, "recurrent_kernel": recurrent_kernels, "bias": bias}


@pytest.mark.parametrize(("maker", "num_gates"), [(lstm, 4), (gru, 3)])
def test_cudnn_weights_are_recognised_and_converted(maker, num_gates):
    rng = np.random.default_rng(0)
    width = num_gates * H
    shapes = (D, width), (H, width), (2 * width,)
    names = "kernel", "recurrent_kernel", "bias"
    cudnn = {name: rng.normal(size=shape) for name, shape in zip(names, shapes)}
    want = from_keras(keras_loads_cudnn(cudnn, num_gates), maker)
    assert_same_bits(from_keras(cudnn, maker), want)


def test_cudnn_weights_of_another_form_are_refused():
    cudnn = to_keras(draw_params(gru(H)), gru)
    cudnn["bias"] = cudnn["bias"].ravel()
    assert message_of(from_keras, cudnn, gru, reset_after=False) == (
        "reset_after must be True for the weights of CuDNNGRU, got False."
    )
    twice = to_keras(draw_params(elman(H)), elman) | {"bias": np.ones(2 * H)}
    assert message_of(from_keras, twice, elman) == (
        "weights['bias'] must be [5], got [10]."
    )


def renamed(weights, form):
    return {form.format(name): x for name, x in weights.items()}


NAMES = {
    "variables": "{}:0",
    "HDF5": "lstm_1/lstm_1/{}:0",
    "a cell's": "sequential/lstm/lstm_cell/{}:0",
    "Keras 3": "lstm/lstm_cell/{}",
}


@pytest.mark.parametrize("form", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("use_bias", [False, True])
def test_names_of_variables_and_files_are_accepted(form, use_bias):
    params = draw_params(lstm(H, use_bias=use_bias))
    weights = renamed(to_keras(params, lstm), form)
    assert_same_bits(from_keras(weights, lstm), params)


def test_open_files_are_read():
    params = draw_params(gru(H))
    weights = to_keras(params, gru)
    nested = {"gru": {"gru": renamed(weights, "{}:0")}, "dense": {"kernel:0": 1}}
    assert_same_bits(from_keras(nested, gru, prefix="gru"), params)
    by_number = {str(i): x for i, x in enumerate(weights.values())}
    nested = {"layers": {"gru": {"cell": {"vars": by_number}}}}
    assert_same_bits(from_keras(nested, gru), params)


def test_a_prefix_chooses_among_layers():
    ways = {
        way: draw_params(lstm(H), i) for i, way in enumerate(("forward", "backward"))
    }
    weights = {"dense/kernel:0": np.ones(3)}
    for way, params in ways.items():
        weights |= renamed(to_keras(params, lstm), f"both/{way}_lstm/lstm_cell/{{}}:0")
    for way, params in ways.items():
        prefix = f"both/{way}_lstm"
        assert_same_bits(from_keras(weights, lstm, prefix=prefix), params)
        assert_same_bits(from_keras(weights, lstm, prefix=f"{prefix}/"), params)
    several = "both/backward_lstm/lstm_cell, both/forward_lstm/lstm_cell"
    for prefix, got in (("", f"{several}, dense"), ("both", several)):
        assert message_of(from_keras, weights, lstm, prefix=prefix) == (
            f"weights must be those of one layer, which prefix may choose, got {got}."
        )
    assert message_of(from_keras, weights, lstm, prefix="bo").endswith(
        "got none that begins with 'bo'."
    )


def test_bad_weights_and_params():
    weights = to_keras(draw_params(gru(H)), gru)
    assert message_of(from_keras, weights, gru, reset_after=False) == (
        "weights['bias'] must be [15], got [2, 15]."
    )
    assert message_of(from_keras, weights, lstm) == (
        f"weights['kernel'] must be [{D}, 20], got [{D}, 15]."
    )
    assert message_of(from_keras, weights | {"gamma": np.ones(H)}, gru) == (
        "weights must have no names but kernel, recurrent_kernel, bias, got gamma too."
    )
    del weights["recurrent_kernel"]
    assert message_of(from_keras, weights, gru) == (
        "weights must have recurrent_kernel, got bias, kernel."
    )
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
    want, *states = peer(batch_first(INPUTS), mask=MASK.T)
    cell = maker(H, use_bias=use_bias, **options)
    assert_computes(cell, params, batch_first(want), states, LENGTHS)

    other.build((None, T, D))
    other.set_weights(list(to_keras(params, maker).values()))
    _, *again = other(batch_first(INPUTS), mask=MASK.T)
    assert_close(again, states, 1e-6)


@pytest.mark.conformance
def test_equals_keras_in_both_directions(layers):
    peer = layers.Bidirectional(layers.LSTM(H, return_sequences=True))
    randomize(peer)
    ways = {"forward": peer.forward_layer, "backward": peer.backward_layer}
    params = {way: read(layer, lstm) for way, layer in ways.items()}
    _, outputs = jax.jit(bidirectional(lstm(H)).apply)(params, None, INPUTS)
    assert_close(outputs, batch_first(peer(batch_first(INPUTS))), 1e-6)

"""`residual`, `highway` and `skip_to_output`: by hand, and where they end."""

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, dense, dropout, embed, gru, lstm, recurrent, stack
from rnnjax.layers.shortcuts import highway, residual, skip_to_output
from tests.cells.paper import draw_params, sigmoid
from tests.pytrees import assert_close, assert_same_bits

T, B, D = 7, 3, 2
KEY = jax.random.key(1)


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)


def draw(layer, input_size=D):
    rng = np.random.default_rng(1)
    return draw_params(rng, layer, input_size, np.float32, scale=0.4)


def test_residual_adds_the_inputs(inputs):
    inner = stack(recurrent(gru(4)), dropout(0.5), dense(D))
    params = draw(inner)
    carry, outputs = inner.apply(params, None, inputs, key=KEY)
    got = residual(inner).apply(params, None, inputs, key=KEY)
    assert_same_bits(got, (carry, outputs + inputs))


def test_residual_of_zero_weights_is_the_identity(inputs):
    layer = residual(dense(D))
    params = jax.tree.map(np.zeros_like, draw(layer))
    assert_same_bits(layer.apply(params, None, inputs)[1], inputs)


def test_highway_mixes_by_its_gate(inputs):
    inner = recurrent(lstm(D))
    params = draw(highway(inner))
    _, outputs = inner.apply(params["layer"], None, inputs)
    gate = sigmoid(inputs @ params["kernel"] + params["bias"])
    want = gate * outputs + (1 - gate) * inputs
    assert_close(highway(inner).apply(params, None, inputs)[1], want, 1e-6)


@pytest.mark.parametrize("bias", [-200.0, 200.0])
def test_highway_shut_is_the_identity_and_open_the_layer(inputs, bias):
    inner = recurrent(lstm(D))
    params = highway(inner, gate_bias=bias).init(jax.random.key(0), D)
    outputs = inner.apply(params["layer"], None, inputs)[1]
    want = inputs if bias < 0 else outputs
    assert_close(highway(inner).apply(params, None, inputs)[1], want, 1e-6)
    assert (highway(inner).init(jax.random.key(0), D)["bias"] == -1).all()


@pytest.mark.parametrize("from_input", [False, True])
def test_all_layers_are_seen(inputs, from_input):
    layers = recurrent(lstm(5)), dropout(0.5), recurrent(gru(4))
    layer = skip_to_output(*layers, from_input=from_input)
    params = layer.init(jax.random.key(0), D)
    mask = np.random.default_rng(2).random((T, B)) < 0.7
    carry, got = layer.apply(params, None, inputs, mask=mask, key=KEY)
    read, seen, carries = inputs, [], []
    for i, (part, own) in enumerate(zip(layers, params)):
        key = jax.random.fold_in(KEY, i)
        own_carry, outputs = part.apply(own, None, read, mask=mask, key=key)
        carries.append(own_carry)
        seen.append(outputs)
        shown = np.where(mask[..., None], inputs, 0)
        read = np.concatenate([outputs, shown], -1) if from_input else outputs
    assert_same_bits((carry, got), (tuple(carries), np.concatenate(seen, axis=-1)))


def test_skip_of_one_is_the_layer(inputs):
    layer = recurrent(lstm(5))
    params = draw(layer)
    (carry,), outputs = skip_to_output(layer).apply((params,), None, inputs)
    assert_same_bits((carry, outputs), layer.apply(params, None, inputs))


def test_around_what_is_not_causal_nothing_is(inputs):
    both = bidirectional(gru(1))
    for layer in (residual(both), highway(both), skip_to_output(both)):
        assert layer.step is None
        assert layer.apply(draw(layer), None, inputs)[1].shape == (T, B, D)


def test_what_does_not_fit_is_refused(inputs):
    for make in (residual, highway):
        layer = make(dense(5))
        message = r"layer must give outputs of the inputs' shape \(7, 3, 2\), got \(7,"
        with pytest.raises(ValueError, match=message):
            layer.apply(draw(layer), None, inputs)
    with pytest.raises(ValueError, match="layers must be at least one, got none"):
        skip_to_output()
    with pytest.raises(ValueError, match="layers must read vectors to read the inputs"):
        skip_to_output(embed(4), dense(3), from_input=True)
    assert skip_to_output(embed(4), dense(3)).input_ndim == 0

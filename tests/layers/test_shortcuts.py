"""`residual`, `highway` and `skip_to_output`: by hand, and what they refuse."""

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, dense, dropout, embed, gru, lstm, recurrent, stack
from rnnjax.layers.shortcuts import highway, residual, skip_to_output
from tests.cells import paper
from tests.cells.paper import B, D, T, initial, sigmoid
from tests.layers.programs import apply
from tests.pytrees import assert_close, assert_same_bits

KEY = jax.random.key(1)


def draw(layer):
    return jax.tree.map(np.float32, paper.draw(layer))


def test_residual_adds_the_inputs():
    inner = stack(recurrent(gru(4)), dropout(0.5), dense(D))
    params, inputs = draw(inner)
    carry, outputs = apply(inner, params, None, inputs, key=KEY)
    got = apply(residual(inner), params, None, inputs, key=KEY)
    assert_same_bits(got, (carry, outputs + inputs))


def test_highway_mixes_by_its_gate_which_starts_at_its_bias():
    for options, bias in (({}, -1), ({"gate_bias": 2.5}, 2.5)):
        assert (initial(highway(dense(D), **options))["bias"] == bias).all()
    inner = recurrent(lstm(D))
    params, inputs = draw(highway(inner))
    _, outputs = apply(inner, params["layer"], None, inputs)
    gate = sigmoid(inputs @ params["kernel"] + params["bias"])
    want = gate * outputs + (1 - gate) * inputs
    assert_close(apply(highway(inner), params, None, inputs)[1], want, 1e-6)


@pytest.mark.parametrize("from_input", [False, True])
def test_all_layers_are_seen(from_input):
    layers = recurrent(lstm(5)), dropout(0.5), recurrent(gru(4))
    layer = skip_to_output(*layers, from_input=from_input)
    params, inputs = draw(layer)
    mask = np.random.default_rng(2).random((T, B)) < 0.7
    carry, got = apply(layer, params, None, inputs, mask=mask, key=KEY)
    read, seen, carries = inputs, [], []
    for i, (part, own) in enumerate(zip(layers, params)):
        key = jax.random.fold_in(KEY, i)
        own_carry, outputs = apply(part, own, None, read, mask=mask, key=key)
        carries.append(own_carry)
        seen.append(outputs)
        shown = np.where(mask[..., None], inputs, 0)
        read = np.concatenate([outputs, shown], -1) if from_input else outputs
    assert_same_bits((carry, got), (tuple(carries), np.concatenate(seen, axis=-1)))


@pytest.mark.parametrize("make", [residual, highway, skip_to_output])
def test_around_what_is_not_causal_nothing_is(make):
    layer = make(bidirectional(gru(1)))
    assert layer.step is None
    params, inputs = draw(layer)
    assert apply(layer, params, None, inputs)[1].shape == (T, B, D)


@pytest.mark.parametrize("make", [residual, highway])
def test_other_widths_are_refused(make):
    params, inputs = draw(make(dense(5)))
    message = r"layer must give outputs of the inputs' shape \(7, 3, 2\), got \(7,"
    with pytest.raises(ValueError, match=message):
        apply(make(dense(5)), params, None, inputs)


def test_what_cannot_be_shown_is_refused():
    with pytest.raises(ValueError, match="layers must be at least one, got none"):
        skip_to_output()
    with pytest.raises(ValueError, match="layers must read vectors to read the inputs"):
        skip_to_output(embed(4), dense(3), from_input=True)
    assert skip_to_output(embed(4), dense(3)).input_ndim == 0

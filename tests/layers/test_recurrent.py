"""`recurrent` and `bidirectional`: what they are by definition."""

import jax
import numpy as np
import pytest

from rnnjax import bidirectional, dense, elman, gru, lengths_to_mask, lstm, recurrent
from rnnjax.unroll import unroll
from tests.trees import assert_close, assert_same_bits

T, B, D = 7, 3, 2


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)


@pytest.mark.parametrize("reverse", [False, True])
def test_recurrent_is_unroll(inputs, reverse):
    cell = lstm(5)
    layer = recurrent(cell, reverse=reverse)
    params = layer.init(jax.random.key(0), D)
    assert_same_bits(params, cell.init(jax.random.key(0), D))
    got = layer.apply(params, None, inputs)
    assert_same_bits(got, unroll(cell, params, inputs, reverse=reverse))
    assert (layer.step is None) == reverse


def test_bidirectional_is_two_cells(inputs):
    """Padding included: the backward cell begins at each sequence's own end."""
    forward, backward = lstm(5), gru(4)
    layer = bidirectional(forward, backward)
    params = layer.init(jax.random.key(0), D)
    mask = lengths_to_mask(np.array([T, 4, 0]), T)
    carry, outputs = layer.apply(params, None, inputs, mask=mask)
    ahead = unroll(forward, params["forward"], inputs, mask=mask)
    back = unroll(backward, params["backward"], inputs, mask=mask, reverse=True)
    assert_same_bits(carry, {"forward": ahead[0], "backward": back[0]})
    assert_same_bits(outputs, np.concatenate([ahead[1], back[1]], axis=-1))
    assert layer.step is None


def test_bidirectional_on_palindrome_is_symmetric(inputs):
    layer = bidirectional(elman(5))
    params = layer.init(jax.random.key(0), D)
    assert not np.array_equal(params["forward"]["kernel"], params["backward"]["kernel"])
    params = {"forward": params["forward"], "backward": params["forward"]}
    palindrome = np.concatenate([inputs, inputs[::-1]])
    carry, outputs = layer.apply(params, None, palindrome)
    ahead, back = np.split(np.asarray(outputs), 2, axis=-1)
    assert_close(ahead, back[::-1], 1e-6)
    assert_close(carry["forward"], carry["backward"], 1e-6)
    assert not np.allclose(ahead, back)


def test_layers_are_cached():
    assert recurrent(lstm(5)) is recurrent(lstm(5), reverse=False)
    assert bidirectional(lstm(5)) is bidirectional(lstm(5), None)
    assert dense(5) is dense(output_size=5)
    assert recurrent(lstm(5)) is not recurrent(lstm(6))

"""`recurrent` and `bidirectional`: what they are by definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import bidirectional, dense, elman, gru, lengths_to_mask, lstm, recurrent
from rnnjax.layers.merging import average, concatenate, keep_apart
from rnnjax.unroll import unroll
from tests.pytrees import assert_close, assert_same_bits

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


@pytest.mark.parametrize(
    ("merge", "by_hand"),
    [
        (jnp.add, lambda ahead, back: ahead + back),
        (jnp.multiply, lambda ahead, back: ahead * back),
        (average, lambda ahead, back: (ahead + back) / 2),
        (concatenate, lambda *both: np.concatenate(both, axis=-1)),
        (keep_apart, lambda *both: both),
    ],
)
def test_directions_are_merged_by_a_function(inputs, merge, by_hand):
    """Masked steps are zeros whatever the function makes of zeros."""
    layer = bidirectional(lstm(5), gru(5), merge=merge)
    params = layer.init(jax.random.key(0), D)
    mask = np.random.default_rng(1).random((T, B)) < 0.7
    _, got = layer.apply(params, None, inputs, mask=mask)
    _, ahead = unroll(lstm(5), params["forward"], inputs, mask=mask)
    _, back = unroll(gru(5), params["backward"], inputs, mask=mask, reverse=True)
    assert_close(got, by_hand(np.asarray(ahead), np.asarray(back)), 1e-6)
    shifted = bidirectional(lstm(5), gru(5), merge=lambda x, y: x + y + 1)
    _, got = shifted.apply(params, None, inputs, mask=mask)
    assert not np.any(np.asarray(got)[~mask])

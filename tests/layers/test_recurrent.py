"""`recurrent` and `bidirectional`: what they are by definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import bidirectional, dense, gru, lengths_to_mask, lstm, recurrent
from rnnjax.layers.merging import average, concatenate, keep_apart
from rnnjax.layers.variational_dropout import variational_dropout
from rnnjax.unroll import unroll
from tests.cells.paper import B, T, draw, initial
from tests.layers.programs import apply
from tests.pytrees import assert_close, assert_same_bits


@pytest.mark.parametrize("reverse", [False, True])
def test_recurrent_is_unroll(reverse):
    cell = lstm(5)
    layer = recurrent(cell, reverse=reverse)
    params = initial(layer)
    assert_same_bits(params, initial(cell))
    _, inputs = draw(cell)
    got = apply(layer, params, None, inputs)
    assert_same_bits(got, unroll(cell, params, inputs, reverse=reverse))
    assert (layer.step is None) == reverse


@pytest.mark.parametrize(
    ("merge", "by_hand", "tolerance"),
    [
        (concatenate, lambda *both: np.concatenate(both, axis=-1), 0),
        (keep_apart, lambda *both: both, 0),
        (jnp.add, lambda ahead, back: ahead + back, 1e-6),
        (jnp.multiply, lambda ahead, back: ahead * back, 1e-6),
        (average, lambda ahead, back: (ahead + back) / 2, 1e-6),
    ],
)
def test_bidirectional_is_two_cells(merge, by_hand, tolerance):
    """Padding included: the backward cell begins at each sequence's own end."""
    layer = bidirectional(lstm(5), gru(5), merge=merge)
    params, inputs = jax.tree.map(np.float32, draw(layer))
    mask = lengths_to_mask(np.array([T, 4, 0]), T)
    carry, outputs = apply(layer, params, None, inputs, mask=mask)
    last, ahead = unroll(lstm(5), params["forward"], inputs, mask=mask)
    first, back = unroll(gru(5), params["backward"], inputs, mask=mask, reverse=True)
    assert_same_bits(carry, {"forward": last, "backward": first})
    assert_close(outputs, by_hand(np.asarray(ahead), np.asarray(back)), tolerance)
    assert layer.step is None


def test_bidirectional_takes_layers_each_with_a_key_of_its_own():
    ahead, back = (variational_dropout(gru(5), 0.5, reverse=r) for r in (False, True))
    layer = bidirectional(ahead, back, merge=keep_apart)
    params, inputs = jax.tree.map(np.float32, draw(layer))
    key = jax.random.key(3)
    carry, outputs = apply(layer, params, None, inputs, key=key)
    for i, (name, part) in enumerate((("forward", ahead), ("backward", back))):
        own_key = jax.random.fold_in(key, i)
        want = apply(part, params[name], None, inputs, key=own_key)
        assert_same_bits((carry[name], outputs[i]), want)
    for pair in ((ahead, None), (gru(5), back), (ahead, gru(5))):
        with pytest.raises(ValueError, match="backward_cell must be a layer where"):
            bidirectional(*pair)


def test_masked_steps_are_zeros_whatever_the_merging_makes_of_zeros():
    layer = bidirectional(lstm(5), gru(5), merge=lambda x, y: x + y + 1)
    params, inputs = draw(layer)
    mask = np.random.default_rng(1).random((T, B)) < 0.7
    _, got = apply(layer, params, None, inputs, mask=mask)
    assert not np.any(np.asarray(got)[~mask])


def test_directions_have_parameters_of_their_own_and_layers_are_cached():
    params = initial(bidirectional(gru(5)))
    assert not np.array_equal(params["forward"]["kernel"], params["backward"]["kernel"])
    assert recurrent(lstm(5)) is recurrent(lstm(5), reverse=False)
    assert bidirectional(lstm(5)) is bidirectional(lstm(5), None)
    assert dense(5) is dense(output_size=5)
    assert recurrent(lstm(5)) is not recurrent(lstm(6))

"""`stack`: its layers by hand, sizes learned, keys folded."""

import jax
import numpy as np

from rnnjax import dense, dropout, gru, lstm, recurrent, stack
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from tests.cells.paper import B, D, T
from tests.layers.programs import apply
from tests.pytrees import assert_same_bits
from tests.refusals import refuses
from tests.user_cells import convolving, reflecting


def test_stack_is_its_layers_by_hand():
    rng = np.random.default_rng(0)
    layers = recurrent(lstm(5)), dropout(0.5), recurrent(gru(4)), dense(6)
    layer = stack(*layers)
    params = layer.init(jax.random.key(0), D)
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    mask, key = rng.random((T, B)) < 0.7, jax.random.key(1)
    carry, got = apply(layer, params, None, inputs, mask=mask, key=key)
    outputs, size = inputs, D
    for i, (part, own) in enumerate(zip(layers, params)):
        assert_same_bits(own, part.init(jax.random.fold_in(jax.random.key(0), i), size))
        own_key = jax.random.fold_in(key, i)
        want, outputs = apply(part, own, None, outputs, mask=mask, key=own_key)
        assert_same_bits(carry[i], want)
        size = outputs.shape[-1]
    assert_same_bits(got, outputs)


def test_input_sizes_are_learned():
    layer = stack(recurrent(convolving(5)), recurrent(reflecting(4)), dense(6))
    params = jax.eval_shape(lambda key: layer.init(key, (8, D)), jax.random.key(0))
    assert [own["kernel"].shape[0] for own in params[1:]] == [5, 4]


def test_cells_over_a_plane_read_its_positions():
    first, second = (lstm_convolutional(size, (4, 6), (3, 1)) for size in (2, 5))
    layers = stack(recurrent(first), recurrent(second))
    own = jax.eval_shape(lambda key: layers.init(key, (4, 6, 7)), jax.random.key(0))
    assert own[1]["kernel"].shape == (3, 1, 2, 20)


def test_stack_is_causal_if_all_are_and_never_empty():
    assert stack(recurrent(lstm(5)), dense(4)).step is not None
    assert stack(recurrent(lstm(5), reverse=True), dense(4)).step is None


test_no_layers_are_refused = refuses((stack, "layers must be at least one, got none."))

"""The language model's options: sizes, initialisation, dtype, cache, messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnnjax
from rnnjax.layers.language_model import language_model

TOKENS = np.zeros((7, 3), np.int32)


def num_weights(layer):
    params = jax.eval_shape(layer.init, jax.random.key(0))
    return sum(x.size for x in jax.tree.leaves(params))


def zaremba(size, bound, **options):
    uniform = rnnjax.initializers.symmetric_uniform(bound)
    cell = rnnjax.lstm(
        size,
        forget_bias=0.0,
        kernel_init=uniform,
        recurrent_kernel_init=uniform,
        bias_init=uniform,
    )
    return language_model(
        10_000,
        [cell, cell],
        embedding_size=size,
        embedding_init=uniform,
        head_kernel_init=uniform,
        head_bias_init=uniform,
        **options,
    )


def test_numbers_of_weights_are_those_published():
    # 10,000 rows of 200; 4 gates of 200 over 200 + 200 + 1, twice; 201 x 10,000.
    assert num_weights(zaremba(200, 0.1)) == 2_000_000 + 2 * 320_800 + 2_010_000
    assert num_weights(zaremba(200, 0.1)) == 4_651_600  # 4.65 M
    assert num_weights(zaremba(200, 0.1, tie_weights=True)) == 2_651_600  # 2.65 M
    assert num_weights(zaremba(650, 0.05, dropout_rate=0.5)) == 19_775_200  # 20 M
    assert num_weights(zaremba(1500, 0.04, dropout_rate=0.65)) == 66_022_000  # 66 M
    # char-rnn itself has a second bias for each of 2 x 512 gates: 240,321.
    char_rnn = language_model(65, [rnnjax.lstm(128), rnnjax.lstm(128)])
    assert num_weights(char_rnn) == 512 * 194 + 512 * 257 + 129 * 65
    assert num_weights(char_rnn) == 240_321 - 2 * 512


def test_every_weight_can_be_drawn_uniformly():
    bound = 0.1
    params = zaremba(200, bound).init(jax.random.key(1))
    leaves = jax.tree.leaves(params)
    assert len(leaves) == 1 + 2 * 3 + 2
    for leaf in leaves:
        assert bound * 0.98 < np.abs(leaf).max() <= bound
        np.testing.assert_allclose(np.std(leaf), bound / np.sqrt(3), rtol=0.05)
        assert np.abs(np.mean(leaf)) < 0.01  # a forget bias of 1 would give 0.25


def test_dtype_decides_the_logits_and_not_the_cells():
    layer = language_model(11, [rnnjax.elman(5)], embedding_size=4, dtype=jnp.bfloat16)
    params = layer.init(jax.random.key(1))
    carry, logits = layer.apply(params, None, TOKENS)
    assert logits.dtype == params["body"][0]["embedding"].dtype == jnp.bfloat16
    assert carry[1].dtype == params["body"][1]["kernel"].dtype == jnp.float32


def test_equal_options_give_the_same_layer_and_one_compilation():
    def make(sequence):
        return language_model(11, sequence([rnnjax.lstm(5)]), dropout_rate=0.5)

    assert make(list) is make(tuple)
    assert make(list) is not language_model(11, [rnnjax.lstm(5)])
    apply = jax.jit(lambda layer, *args: layer.apply(*args)[1], static_argnums=0)
    for seed in range(3):
        layer = make(tuple)
        apply(layer, layer.init(jax.random.key(seed)), None, TOKENS)
    assert apply._cache_size() == 1


@pytest.mark.parametrize(
    "args, options, message",
    [
        ((0, [rnnjax.lstm(5)]), {}, "vocab_size must be a positive whole .* got 0"),
        ((11, []), {}, "cells must be a sequence of cells or layers, got none"),
        ((11, rnnjax.lstm(5)), {}, "cells must be a sequence .* got a single one"),
        ((11, [5]), {}, "layer must be a cell or a layer, got 5"),
        ((11, [rnnjax.bidirectional(rnnjax.lstm(5))]), {}, "cells must be causal"),
        ((11, [rnnjax.lstm(5)]), {"dropout_rate": 1.0}, "rate must be .* got 1.0"),
        ((11, [rnnjax.lstm(5)]), {"dropout_rate": -0.1}, "rate must be .* got -0.1"),
        ((11, [rnnjax.lstm(5)]), {"embedding_size": 0}, "embedding_size .* got 0"),
        (
            (11, [rnnjax.lstm(5)]),
            {"tie_weights": True},
            "embedding_size must be given to tie the weights, got None",
        ),
        (
            (11, [rnnjax.lstm(4), rnnjax.lstm(5)]),
            {"tie_weights": True, "embedding_size": 4},
            "embedding_size must be 5, .* got 4",
        ),
    ],
)
def test_bad_options_are_refused(args, options, message):
    with pytest.raises(ValueError, match=message):
        language_model(*args, **options)


def test_another_vocabulary_is_refused():
    with pytest.raises(ValueError, match="input_size must be 11, got 12"):
        language_model(11, [rnnjax.elman(5)], embedding_size=4).init(
            jax.random.key(0), 12
        )

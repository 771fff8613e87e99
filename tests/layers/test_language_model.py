"""The language model as a pure layer: values, dropout, sizes, dtype, messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnnjax
from rnnjax.layers.language_model import language_model
from tests.cells.paper import B, H, T, pre_activation
from tests.pytrees import assert_close, assert_same_bits

EMBEDDING, VOCAB = 4, 11
UNIFORM = rnnjax.initializers.symmetric_uniform(1.0)


def elman_model(**options):
    weights = ("kernel_init", "recurrent_kernel_init", "bias_init")
    cell = rnnjax.elman(H, **dict.fromkeys(weights, UNIFORM))
    return language_model(VOCAB, [cell], head_bias_init=UNIFORM, **options)


def draw_tokens():
    return np.random.default_rng(0).integers(VOCAB, size=(T, B)).astype(np.int32)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"embedding_size": EMBEDDING},
        {"embedding_size": H, "tie_weights": True},
    ],
    ids=["one_hot", "embedded", "tied"],
)
def test_logits_equal_a_loop_in_numpy(options):
    layer = elman_model(**options)
    params = layer.init(jax.random.key(1))
    tokens = draw_tokens()
    carry, logits = jax.jit(layer.apply)(params, None, tokens)
    (tables, cell), head = jax.tree.map(np.float64, (params["body"], params["head"]))
    table = tables["embedding"] if options else np.eye(VOCAB)
    kernel = table.T if "tie_weights" in options else head["kernel"]
    h, want = np.zeros((B, H)), []
    for step in tokens:
        h = np.tanh(pre_activation(cell, table[step], h))
        want.append(h @ kernel + head["bias"])
    np.testing.assert_allclose(logits, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(carry[1], h, rtol=1e-5, atol=1e-5)
    assert ("kernel" in head) == ("tie_weights" not in options)


DROP = rnnjax.dropout(0.4)
FIRST, SECOND = rnnjax.recurrent(rnnjax.elman(5)), rnnjax.recurrent(rnnjax.gru(6))


@pytest.mark.parametrize(
    ("options", "body"),
    [
        ({"dropout_rate": 0.4}, (rnnjax.one_hot(VOCAB), FIRST, DROP, SECOND, DROP)),
        ({"embedding_size": 4}, (rnnjax.embed(4), FIRST, SECOND)),
        (
            {"embedding_size": 4, "dropout_rate": 0.4},
            (rnnjax.embed(4), DROP, FIRST, DROP, SECOND, DROP),
        ),
    ],
    ids=["one_hot_dropout", "embedded", "embedded_dropout"],
)
def test_dropout_stands_where_it_should_and_leaves_nothing_when_off(options, body):
    layer = language_model(VOCAB, [FIRST, SECOND], **options)
    params = layer.init(jax.random.key(1))
    tokens, key = draw_tokens(), jax.random.key(2)

    def stacked_by_hand(params, tokens, key):
        carry, h = rnnjax.stack(*body).apply(params["body"], None, tokens, key=key)
        return carry, h @ params["head"]["kernel"] + params["head"]["bias"]

    want = jax.jit(stacked_by_hand)(params, tokens, key)
    assert_close(jax.jit(layer.apply)(params, None, tokens, key=key), want, 0)


@pytest.mark.parametrize("embedding_size", [None, EMBEDDING])
def test_a_token_outside_the_vocabulary_gives_nan_to_its_own_sequence(embedding_size):
    layer = elman_model(embedding_size=embedding_size)
    params = layer.init(jax.random.key(1))
    tokens = draw_tokens()
    tokens[2, 0], tokens[4, 1] = VOCAB, -1
    logits = jax.jit(layer.apply)(params, None, tokens)[1]
    foreign = np.zeros((T, B), bool)
    foreign[2:, 0] = foreign[4:, 1] = True
    np.testing.assert_array_equal(np.isnan(logits).all(axis=-1), foreign)
    assert np.isfinite(logits[~foreign]).all()


def zaremba(size, bound, vocab_size=10_000, **options):
    uniform = rnnjax.initializers.symmetric_uniform(bound)
    cell = rnnjax.lstm(
        size,
        forget_bias=0.0,
        kernel_init=uniform,
        recurrent_kernel_init=uniform,
        bias_init=uniform,
    )
    return language_model(
        vocab_size,
        [cell, cell],
        embedding_size=size,
        embedding_init=uniform,
        head_kernel_init=uniform,
        head_bias_init=uniform,
        **options,
    )


# char-rnn itself has a second bias for each of 2 x 512 gates: 240,321.
CHAR_RNN = language_model(65, [rnnjax.lstm(128), rnnjax.lstm(128)])


@pytest.mark.parametrize(
    ("layer", "number"),
    [
        # 10,000 rows of 200; 4 gates of 200 over 200 + 200 + 1, twice; 201 x 10,000.
        (zaremba(200, 0.1), 2_000_000 + 2 * 320_800 + 2_010_000),
        (zaremba(200, 0.1, tie_weights=True), 2_651_600),  # 2.65 M
        (zaremba(650, 0.05, dropout_rate=0.5), 19_775_200),  # 20 M
        (zaremba(1500, 0.04, dropout_rate=0.65), 66_022_000),  # 66 M
        (CHAR_RNN, 240_321 - 2 * 512),
    ],
)
def test_numbers_of_weights_are_those_published(layer, number):
    params = jax.eval_shape(layer.init, jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(params)) == number


def test_every_weight_can_be_drawn_uniformly():
    bound = 0.1
    params = jax.jit(zaremba(200, bound, 500).init)(jax.random.key(1))
    leaves = jax.tree.leaves(params)
    assert len(leaves) == 1 + 2 * 3 + 2
    for leaf in leaves:
        assert bound * 0.98 < np.abs(leaf).max() <= bound
        np.testing.assert_allclose(np.std(leaf), bound / np.sqrt(3), rtol=0.05)
        assert np.abs(np.mean(leaf)) < 0.01  # a forget bias of 1 would give 0.25


def test_dtype_decides_the_logits_and_not_the_cells():
    layer = language_model(11, [rnnjax.elman(5)], embedding_size=4, dtype=jnp.bfloat16)
    params = jax.eval_shape(layer.init, jax.random.key(1))
    carry, logits = jax.eval_shape(layer.apply, params, None, draw_tokens())
    assert logits.dtype == params["body"][0]["embedding"].dtype == jnp.bfloat16
    assert carry[1].dtype == params["body"][1]["kernel"].dtype == jnp.float32


def test_equal_options_give_the_same_layer():
    def make(sequence):
        return language_model(11, sequence([rnnjax.lstm(5)]), dropout_rate=0.5)

    assert make(list) is make(tuple)
    assert make(list) is not language_model(11, [rnnjax.lstm(5)])


LSTMS = [rnnjax.lstm(4), rnnjax.lstm(5)]


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((0, LSTMS), {}, "vocab_size must be a positive whole .* got 0"),
        ((11, []), {}, "cells must be a sequence of cells or layers, got none"),
        ((11, rnnjax.lstm(5)), {}, "cells must be a sequence .* got a single one"),
        ((11, [5]), {}, "layer must be a cell or a layer, got 5"),
        ((11, [rnnjax.bidirectional(rnnjax.lstm(5))]), {}, "cells must be causal"),
        ((11, LSTMS), {"dropout_rate": 1.0}, "rate must be .* got 1.0"),
        ((11, LSTMS), {"dropout_rate": -0.1}, "rate must be .* got -0.1"),
        ((11, LSTMS), {"embedding_size": 0}, "embedding_size .* got 0"),
        (
            (11, LSTMS),
            {"tie_weights": True},
            "embedding_size must be given to tie the weights, got None",
        ),
        (
            (11, LSTMS),
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
        elman_model().init(jax.random.key(0), 12)


def test_exported_and_read_back_it_gives_the_same_bits():
    """A trained model leaves the program that trained it."""
    layer = language_model(VOCAB, [FIRST, SECOND])
    params = layer.init(jax.random.key(0))
    given = params, layer.initial_carry(params, (B,)), draw_tokens()
    run = jax.jit(layer.apply)
    exported = jax.export.export(run)(*given)
    read = jax.export.deserialize(exported.serialize())
    assert_same_bits(read.call(*given), run(*given))

"""The language model as a pure layer: values, dropout, sizes, dtype, messages."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnnjax
from rnnjax.layers.language_model import language_model
from tests.cells.paper import B, H, T, pre_activation
from tests.pytrees import assert_close, assert_same_bits
from tests.refusals import refuses

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


def test_number_of_weights_is_that_of_char_rnn():
    """But for its second bias for each of 2 x 512 gates."""
    layer = language_model(65, [rnnjax.lstm(128), rnnjax.lstm(128)])
    assert language_model(65, (rnnjax.lstm(128),) * 2) is layer  # equal options
    assert language_model(65, [rnnjax.lstm(128)]) is not layer
    params = jax.eval_shape(layer.init, jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(params)) == 240_321 - 2 * 512


def test_number_of_weights_of_press_and_wolf():
    """Their small tied model, 2.65 M: rows of 200, gates of 200 over 401, biases."""
    layer = language_model(
        10_000, [rnnjax.lstm(200)] * 2, embedding_size=200, tie_weights=True
    )
    params = jax.eval_shape(layer.init, jax.random.key(0))
    assert sum(x.size for x in jax.tree.leaves(params)) == 2_651_600


def test_dtype_decides_the_logits_and_not_the_cells():
    layer = language_model(11, [rnnjax.elman(5)], embedding_size=4, dtype=jnp.bfloat16)
    params = jax.eval_shape(layer.init, jax.random.key(1))
    carry, logits = jax.eval_shape(layer.apply, params, None, draw_tokens())
    assert logits.dtype == params["body"][0]["embedding"].dtype == jnp.bfloat16
    assert carry[1].dtype == params["body"][1]["kernel"].dtype == jnp.float32


LSTMS = [rnnjax.lstm(4), rnnjax.lstm(5)]


def make(**options):
    return language_model(11, LSTMS, **options)


test_bad_options_are_refused = refuses(
    (language_model, 0, LSTMS, "vocab_size must be a positive whole .* got 0"),
    (language_model, 11, [], "cells must be a sequence of cells or layers, got none"),
    (language_model, 11, LSTMS[0], "cells must be a sequence .* got a single one"),
    (language_model, 11, [5], "layer must be a cell or a layer, got 5"),
    (language_model, 11, [rnnjax.bidirectional(LSTMS[0])], "cells must be causal"),
    (lambda: make(dropout_rate=1.0), "rate must be .* got 1.0"),
    (lambda: make(dropout_rate=-0.1), "rate must be .* got -0.1"),
    (lambda: make(embedding_size=0), "embedding_size .* got 0"),
    (
        lambda: make(tie_weights=True),
        "embedding_size must be given to tie the weights, got None",
    ),
    (lambda: make(tie_weights=True, embedding_size=4), "_size must be 5, .* got 4"),
    (elman_model().init, jax.random.key(0), 12, "input_size must be 11, got 12"),
)


def test_exported_and_read_back_it_gives_the_same_bits():
    """A trained model leaves the program that trained it."""
    layer = language_model(VOCAB, [FIRST, SECOND])
    params = layer.init(jax.random.key(0))
    given = params, layer.initial_carry(params, (B,)), draw_tokens()
    run = jax.jit(layer.apply)
    exported = jax.export.export(run)(*given)
    read = jax.export.deserialize(exported.serialize())
    assert_same_bits(read.call(*given), run(*given))

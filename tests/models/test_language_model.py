"""The language model as a pure layer: values, dropout, streaming."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnnjax
from rnnjax.layers.language_model import language_model
from tests.models.training import assert_trees_near

NUM_STEPS, BATCH, EMBEDDING, HIDDEN, VOCAB = 7, 3, 4, 5, 11
SHAKEN = {
    "bias_init": rnnjax.initializers.symmetric_uniform(1.0),
    "kernel_init": rnnjax.initializers.symmetric_uniform(1.0),
    "recurrent_kernel_init": rnnjax.initializers.symmetric_uniform(1.0),
}


def elman_model(**options):
    bias_init = rnnjax.initializers.symmetric_uniform(1.0)
    cells = [rnnjax.elman(HIDDEN, **SHAKEN)]
    return language_model(VOCAB, cells, head_bias_init=bias_init, **options)


def draw_tokens(seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(VOCAB, size=(NUM_STEPS, BATCH)).astype(np.int32)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"embedding_size": EMBEDDING},
        {"embedding_size": HIDDEN, "tie_weights": True},
    ],
    ids=["one_hot", "embedded", "tied"],
)
def test_logits_equal_a_loop_in_numpy(options):
    layer = elman_model(**options)
    params = layer.init(jax.random.key(1))
    tokens = draw_tokens()
    carry, logits = jax.jit(layer.apply)(params, None, tokens)
    tables, cell = params["body"]
    exact = functools.partial(np.asarray, dtype=np.float64)
    table = exact(tables["embedding"]) if options else np.eye(VOCAB)
    kernel = table.T if "tie_weights" in options else exact(params["head"]["kernel"])
    h = np.zeros((BATCH, HIDDEN))
    for step, logit in zip(tokens, logits, strict=True):
        pre = table[step] @ exact(cell["kernel"])
        pre += h @ exact(cell["recurrent_kernel"]) + exact(cell["bias"])
        h = np.tanh(pre)
        expected = h @ kernel + exact(params["head"]["bias"])
        np.testing.assert_allclose(logit, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(carry[1], h, rtol=1e-5, atol=1e-5)
    assert ("kernel" in params["head"]) == ("tie_weights" not in options)


def test_a_tied_embedding_learns_from_both_ends():
    layer = elman_model(embedding_size=HIDDEN, tie_weights=True)
    params = layer.init(jax.random.key(1))
    tokens = np.zeros((NUM_STEPS, BATCH), np.int32)

    def loss(params):
        logits = layer.apply(params, None, tokens)[1]
        return rnnjax.cross_entropy_mean_over_steps(logits, tokens)

    grads = jax.jit(jax.grad(loss))(params)["body"][0]["embedding"]
    assert np.abs(grads).max(axis=1).min() > 0, "unread tokens learn from the head"

    def nudged(nudge):
        moved = params["body"][0]["embedding"].at[0, 2].add(nudge)
        return loss(params | {"body": ({"embedding": moved}, params["body"][1])})

    slope = (nudged(1e-2) - nudged(-1e-2)) / 2e-2
    np.testing.assert_allclose(grads[0, 2], slope, rtol=1e-2)


def test_dropout_leaves_the_recurrence_alone():
    rate = 0.4
    plain, dropped = elman_model(), elman_model(dropout_rate=rate)
    params = plain.init(jax.random.key(1))
    params["head"] = {"kernel": jnp.eye(HIDDEN, VOCAB), "bias": jnp.zeros(VOCAB)}
    tokens = draw_tokens()
    outputs = plain.apply(params, None, tokens)[1][..., :HIDDEN]
    params["body"] += ({},)
    apply = jax.jit(dropped.apply)
    assert_trees_near(apply(params, None, tokens)[1][..., :HIDDEN], outputs, 1e-6)
    carry, logits = apply(params, None, tokens, key=jax.random.key(2))
    kept = logits[..., :HIDDEN] != 0
    assert 0 < kept.mean() < 1
    assert_trees_near(
        logits[..., :HIDDEN], jnp.where(kept, outputs / (1 - rate), 0), 1e-6
    )
    assert_trees_near(carry[1], outputs[-1], 1e-6)


DROP = rnnjax.dropout(0.4)
FIRST, SECOND = rnnjax.recurrent(rnnjax.elman(5)), rnnjax.recurrent(rnnjax.gru(6))


@pytest.mark.parametrize(
    "options, body",
    [
        ({}, (rnnjax.one_hot(VOCAB), FIRST, SECOND)),
        ({"dropout_rate": 0.4}, (rnnjax.one_hot(VOCAB), FIRST, DROP, SECOND, DROP)),
        ({"embedding_size": 4}, (rnnjax.embed(4), FIRST, SECOND)),
        (
            {"embedding_size": 4, "dropout_rate": 0.4},
            (rnnjax.embed(4), DROP, FIRST, DROP, SECOND, DROP),
        ),
    ],
    ids=["one_hot", "one_hot_dropout", "embedded", "embedded_dropout"],
)
def test_dropout_stands_where_it_should_and_leaves_nothing_when_off(options, body):
    layer = language_model(VOCAB, [FIRST, SECOND], **options)
    params = layer.init(jax.random.key(1))
    tokens, key = draw_tokens(), jax.random.key(2)

    def stacked_by_hand(params, tokens, key):
        carry, h = rnnjax.stack(*body).apply(params["body"], None, tokens, key=key)
        return carry, h @ params["head"]["kernel"] + params["head"]["bias"]

    expected = jax.jit(stacked_by_hand)(params, tokens, key)
    assert_trees_near(jax.jit(layer.apply)(params, None, tokens, key=key), expected, 0)


def test_streaming_with_a_key_equals_the_whole_sequence():
    layer = elman_model(embedding_size=EMBEDDING, dropout_rate=0.3)
    params = layer.init(jax.random.key(1))
    tokens, key = draw_tokens(), jax.random.key(2)
    mask = rnnjax.lengths_to_mask(jnp.array([7, 0, 5]), NUM_STEPS)
    apply = jax.jit(layer.apply)
    carry, whole = apply(params, None, tokens, mask=mask, key=key)

    def step(carry, token_and_mask):
        token, real = token_and_mask
        return layer.step(params, carry, token, mask=real, key=key)

    start = layer.initial_carry(params, (BATCH,))
    streamed_carry, streamed = jax.lax.scan(step, start, (tokens, mask))
    assert_trees_near(streamed, whole, 1e-6)
    assert_trees_near(streamed_carry, carry, 1e-6)
    other = apply(params, None, tokens, mask=mask, key=jax.random.key(3))[1]
    assert np.abs(other - whole).max() > 0.01
    assert not whole[~np.asarray(mask)].any() and whole[np.asarray(mask)].all()


@pytest.mark.parametrize("embedding_size", [None, EMBEDDING])
def test_a_token_outside_the_vocabulary_gives_nan_to_its_own_sequence(embedding_size):
    layer = elman_model(embedding_size=embedding_size)
    params = layer.init(jax.random.key(1))
    tokens = draw_tokens()
    tokens[2, 0], tokens[4, 1] = VOCAB, -1
    logits = jax.jit(layer.apply)(params, None, tokens)[1]
    nan = np.isnan(logits).all(axis=-1)
    expected = np.zeros((NUM_STEPS, BATCH), bool)
    expected[2:, 0] = expected[4:, 1] = True
    np.testing.assert_array_equal(nan, expected)
    assert np.isfinite(logits[~expected]).all()

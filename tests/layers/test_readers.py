"""Readers against their equations in NumPy, and their reductions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman
from rnnjax.attention import additive
from rnnjax.layers import (
    bidirectional,
    dropout,
    embed,
    last_read,
    plain_reader,
    question_reader,
    recurrent,
    stack,
)
from tests.pytrees import assert_close, assert_same_bits

S, Q, B, E, H, K, A, N, VOCAB = 7, 4, 3, 2, 5, 6, 8, 10, 11
STORY_LENGTHS, QUESTION_LENGTHS = (7, 0, 3), (1, 4, 2)
STORY_MASK, QUESTION_MASK = (
    np.arange(size)[:, None] < np.array(lengths)
    for size, lengths in ((S, STORY_LENGTHS), (Q, QUESTION_LENGTHS))
)
MASKS = {"story_mask": STORY_MASK, "question_mask": QUESTION_MASK}
PLAIN = plain_reader(stack(embed(E), recurrent(elman(H))), N)
BOTH = plain_reader(stack(embed(E), bidirectional(elman(H))), N, pooling=last_read)


def reader(**options):
    layers = embed(E), recurrent(elman(H)), recurrent(elman(K))
    return question_reader(*layers, N, **options)


ATTENDS = {"attention": additive(A), "size": 9}
FORMS = {
    "pooled": reader(),
    "every_word": reader(question_at_every_word=True),
    "attentive": reader(**ATTENDS),
    "both": reader(question_at_every_word=True, **ATTENDS),
}


def random_params(own, story_size=None):
    """Parameters of which none is zero, float64."""
    shapes = own.init(jax.random.key(0), VOCAB, story_size)
    rng = np.random.default_rng(1)
    return jax.tree.map(lambda x: jnp.asarray(rng.normal(size=x.shape)), shapes)


def draw(seed=2):
    rng = np.random.default_rng(seed)
    return rng.integers(VOCAB, size=(S, B)), rng.integers(VOCAB, size=(Q, B))


def states_by_hand(params, xs):
    """The states of one sequence: hₜ = tanh(U xₜ + W hₜ₋₁ + b)."""
    h, states = np.zeros(len(params["recurrent_kernel"])), []
    for x in xs:
        pre = x @ params["kernel"] + h @ params["recurrent_kernel"] + params["bias"]
        h = np.tanh(pre)
        states.append(h)
    return np.array(states).reshape(len(xs), len(h))


def test_the_plain_reader_reads_story_and_question_as_one(x64):
    params, (story, question) = random_params(PLAIN), draw()
    found = jax.jit(PLAIN.apply)(params, story, question, **MASKS)
    table, cell = params["layer"]
    for b in range(B):
        tokens = [*story[: STORY_LENGTHS[b], b], *question[: QUESTION_LENGTHS[b], b]]
        h = states_by_hand(cell, np.asarray(table["embedding"])[tokens])[-1]
        want = h @ params["scores"]["kernel"] + params["scores"]["bias"]
        assert_close(found[b], want, 1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_the_question_reader_is_its_equations(x64, form):
    own = FORMS[form]
    params, (story, question) = random_params(own), draw()
    found = jax.jit(own.apply)(params, story, question, **MASKS)
    weights = own.weigh and jax.jit(own.weigh)(params, story, question, **MASKS)
    table = np.asarray(params["embedding"]["embedding"])
    for b in range(B):
        asked = table[question[: QUESTION_LENGTHS[b], b]]
        q = states_by_hand(params["question"], asked)[-1]
        xs = table[story[: STORY_LENGTHS[b], b]]
        if form in ("every_word", "both"):
            xs = np.concatenate([xs, np.tile(q, (len(xs), 1))], axis=1)
        rows = states_by_hand(params["story"], xs)
        if own.weigh is None:
            last = rows[-1] if len(rows) else np.zeros(K)
            read = np.concatenate([last, q])
        else:
            at = params["attention"]["attention"]
            pre = np.tanh(rows @ at["key_kernel"] + q @ at["query_kernel"])
            shares = np.exp(pre @ at["energy_kernel"])
            shares = shares / shares.sum()
            assert_close(weights[: len(rows), b], shares, 1e-12)
            assert not weights[len(rows) :, b].any()
            seen = np.concatenate([shares @ rows, q])
            read = np.tanh(seen @ params["attention"]["output_kernel"])
        want = read @ params["scores"]["kernel"] + params["scores"]["bias"]
        assert_close(found[b], want, 1e-12)


def test_vectors_are_read_as_they_come(x64):
    own = question_reader(embed(E), recurrent(elman(H)), None, N, **ATTENDS)
    params, (_, question) = random_params(own, story_size=3), draw()
    rows = np.random.default_rng(3).normal(size=(S, B, 3))
    # A single row is all that can be looked at, whatever the weights.
    run = jax.jit(own.apply)
    one = run(params, rows[:1], question, question_mask=QUESTION_MASK)
    first = {"story_mask": np.arange(S)[:, None] < np.ones(B)}
    masked = run(params, rows, question, question_mask=QUESTION_MASK, **first)
    assert_close(one, masked, 1e-12)


@pytest.mark.parametrize("own", [PLAIN, BOTH, FORMS["both"]], ids=["one", "two", "q"])
def test_padding_is_not_seen(own):
    params, (story, question) = random_params(own), draw()
    filled = np.where(STORY_MASK, story, 0), np.where(QUESTION_MASK, question, VOCAB)
    run = jax.jit(own.apply)
    first = run(params, story, question, **MASKS)
    assert_same_bits(first, run(params, *filled, **MASKS))


@pytest.mark.parametrize("place", range(3))
def test_without_a_key_nothing_is_dropped(place):
    layers = [embed(E), recurrent(elman(H)), recurrent(elman(K))]
    layers[place] = stack(layers[place], dropout(0.5))
    own = question_reader(*layers, N)
    params, tokens = random_params(own), draw()
    run = jax.jit(own.apply)
    first, second = (run(params, *tokens, key=jax.random.key(i)) for i in (1, 2))
    without = run(params, *tokens)
    assert not np.allclose(first, second) and not np.allclose(first, without)


def test_bad_arguments():
    with pytest.raises(ValueError, match="num_outputs must be a positive whole"):
        plain_reader(embed(E), 0)
    with pytest.raises(ValueError, match="size must be given with attention alone"):
        reader(size=3)
    with pytest.raises(ValueError, match="size must be given with attention alone"):
        reader(attention=additive(A))
    with pytest.raises(ValueError, match="story_size must be None, .* got 3"):
        PLAIN.init(jax.random.key(0), VOCAB, 3)
    story, question = draw()
    params = random_params(PLAIN)
    with pytest.raises(ValueError, match="mask must be"):
        PLAIN.apply(params, story, question, story_mask=STORY_MASK.T)

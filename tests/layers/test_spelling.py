"""`spelling`: every word alone gives what all words in one sequence give."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, lstm, unroll
from rnnjax.layers.spelling import spelling
from tests.pytrees import assert_close, assert_same_bits

T, C, V, E, H, G = 4, 13, 11, 3, 5, 2
WORDS = [[[3, 1], [10], [4, 4, 9, 0]], [[7, 7, 7, 1, 2]], [[2], [5], [6, 0, 1], [8]]]


def pack(words):
    """Lays out the words of one sentence; the places of padding are unlike any."""
    characters, places = np.full(C, -1), np.full((2, T), 99)
    at = 0
    for i, word in enumerate(words):
        characters[at : at + len(word)] = word
        places[:, i] = at, at + len(word) - 1
        at += len(word)
    return characters, *places, np.arange(T) < len(words)


@pytest.fixture
def read(x64):
    reader = spelling(lstm(H), elman(G), embedding_size=E)
    params = reader.init(jax.random.key(0), V)
    params = jax.tree.map(lambda x: x.astype(np.float64), params)
    sentences = [np.stack(part, -1) for part in zip(*map(pack, WORDS))]
    return reader, params, sentences


def test_equals_every_word_alone(read):
    reader, params, (characters, first, last, mask) = read
    table = params[0]["embedding"]
    forward, backward = params[1]["forward"], params[1]["backward"]
    got = jax.jit(reader.apply)(params, characters, first, last, mask=mask)
    want = np.zeros((T, len(WORDS), H + G))
    for b, words in enumerate(WORDS):
        for t, word in enumerate(words):
            inputs = table[np.array(word)]
            _, ahead = unroll(lstm(H), forward, inputs)
            _, behind = unroll(elman(G), backward, inputs, reverse=True)
            want[t, b] = np.concatenate([ahead[-1], behind[0]])
    assert_close(got, want, 1e-13)
    alone = [x[:, 0] for x in (characters, first, last)]
    assert_close(reader.apply(params, *alone, mask=mask[:, 0]), got[:, 0], 1e-13)


def test_padding_is_not_seen(read):
    reader, params, (characters, first, last, mask) = read

    def loss(params, first, last):
        return (reader.apply(params, characters, first, last, mask=mask) ** 2).sum()

    gradient = jax.jit(jax.value_and_grad(loss))
    others = [np.where(mask, places, 2) for places in (first, last)]
    assert_same_bits(gradient(params, first, last), gradient(params, *others))
    value, grads = gradient(params, first, last)
    assert value > 0 and all(np.isfinite(x).all() for x in jax.tree.leaves(grads))


def test_bad_arguments(read):
    reader, params, (characters, first, last, mask) = read
    with pytest.raises(ValueError, match="characters must be integers, got float"):
        reader.apply(params, jnp.asarray(characters, float), first, last)
    with pytest.raises(ValueError, match="mask must be bool"):
        reader.apply(params, characters, first, last, mask=mask.astype(int))
    with pytest.raises(ValueError, match="embedding_size must be .*positive"):
        spelling(lstm(H), embedding_size=0)

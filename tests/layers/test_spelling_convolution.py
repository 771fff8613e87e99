"""`spelling_convolution`: every word alone, in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.layers.spelling_convolution import spelling_convolution
from tests.layers.test_spelling import WORDS, E, T, V, pack
from tests.pytrees import assert_close, assert_same_bits

WINDOW, H = 3, 6


@pytest.fixture
def read(x64):
    reader = spelling_convolution(WINDOW, H, embedding_size=E)
    params = reader.init(jax.random.key(0), V)
    params = jax.tree.map(lambda x: x.astype(np.float64), params)
    params["bias"] = jnp.asarray(np.random.default_rng(0).normal(size=H))
    sentences = [np.stack(part, -1) for part in zip(*map(pack, WORDS))]
    return reader, params, sentences


def of_words(params):
    """Reads every word of `WORDS` alone."""
    table = np.asarray(params["characters"]["embedding"])
    kernel = np.asarray(params["kernel"]).reshape(WINDOW, E, H)
    vectors = np.zeros((T, len(WORDS), H))
    for b, words in enumerate(WORDS):
        for t, word in enumerate(words):
            x = np.pad(table[word], ((1, 1), (0, 0)))
            rows = [
                sum(x[i + k] @ kernel[k] for k in range(WINDOW))
                for i in range(len(word))
            ]
            vectors[t, b] = np.max(rows, axis=0) + params["bias"]
    return vectors


def test_equals_every_word_alone(read):
    reader, params, (characters, first, last, mask) = read
    got = jax.jit(reader.apply)(params, characters, first, last, mask=mask)
    assert_close(got, of_words(params), 1e-13)
    alone = [x[:, 1] for x in (characters, first, last)]
    assert_close(reader.apply(params, *alone, mask=mask[:, 1]), got[:, 1], 1e-13)


def test_gradient_and_padding(read):
    reader, params, (characters, first, last, mask) = read

    def loss(params, first):
        vectors = reader.apply(params, characters, first, last, mask=mask)
        return (vectors * jnp.arange(H)).sum()

    gradient = jax.jit(jax.value_and_grad(loss))
    value, grads = gradient(params, first)
    assert_same_bits((value, grads), gradient(params, np.where(mask, first, 2)))
    step = 1e-6
    for name, index in (("kernel", (7, 1)), ("bias", (2,))):
        moved = [
            {**params, name: params[name].at[index].add(sign * step)}
            for sign in (1, -1)
        ]
        up, down = ((of_words(own) * np.arange(H)).sum() for own in moved)
        # A bias moves masked words of `of_words` not at all, as here.
        np.testing.assert_allclose(grads[name][index], (up - down) / 2 / step, 1e-6)


def test_bad_arguments(read):
    reader, params, (characters, first, last, mask) = read
    with pytest.raises(ValueError, match="characters must be integers, got float"):
        reader.apply(params, jnp.asarray(characters, float), first, last)
    with pytest.raises(ValueError, match="mask must be bool"):
        reader.apply(params, characters, first, last, mask=mask.astype(int))
    with pytest.raises(ValueError, match="window must be odd, got 4"):
        spelling_convolution(4, H, embedding_size=E)
    with pytest.raises(ValueError, match="output_size must be .*positive"):
        spelling_convolution(3, 0, embedding_size=E)

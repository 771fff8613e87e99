"""Baselines of tagging: one word, or a few words side by side."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import jax.numpy as jnp

from experiments.data.sentences import Sentence
from rnnjax.base import Layer
from rnnjax.layers.causal import causal_layer
from rnnjax.layers.dense import dense
from rnnjax.masking import pad_time, zero_masked


class FrequentTags:
    """The most frequent tag of each word, and of each shape for unknown words.

    The shape of a word is its last two letters, whether it begins with a capital, and
    whether it has a digit, a hyphen or no letter at all.

    Args:
      sentences: the training sentences.
    """

    def __init__(self, sentences: Sequence[Sentence]):
        words, shapes = defaultdict(Counter), defaultdict(Counter)
        for sentence in sentences:
            for word, tag in zip(sentence.words, sentence.tags):
                words[word][tag] += 1
                shapes[shape_of(word)][tag] += 1
        total = sum(words.values(), Counter())
        self._words = {word: _first(counts) for word, counts in words.items()}
        # Only rare words resemble those that are unknown.
        rare = defaultdict(Counter)
        for word, counts in words.items():
            if counts.total() == 1:
                rare[shape_of(word)].update(counts)
        self._shapes = {shape: _first(shapes[shape]) for shape in shapes}
        self._shapes |= {shape: _first(counts) for shape, counts in rare.items()}
        self._otherwise = _first(total)

    def tag(self, words: Sequence[str]) -> tuple[str, ...]:
        """Returns the tags of a sentence."""
        return tuple(
            self._words.get(word) or self._shapes.get(shape_of(word), self._otherwise)
            for word in words
        )


def window_perceptron(window: int, hidden_size: int) -> Layer:
    """Makes a layer that sees each word with its nearest neighbours.

        hₜ = tanh([xₜ₋ₙ … xₜ₊ₙ] K + b),   window = 2n + 1

    Words outside the sentence are zeros.

    Args:
      window: number of words seen, odd.
      hidden_size: width of h.

    Raises:
      ValueError: if `window` is even.

    References:
      Collobert et al., "Natural Language Processing (Almost) from Scratch", JMLR 2011,
      section 3.3.1.
    """
    if window % 2 == 0:
        raise ValueError(f"window must be odd, got {window}.")
    hidden = dense(hidden_size)

    def init(key, input_size):
        return hidden.init(key, window * input_size)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del is_first, key  # sentences are not joined
        padded = pad_time(zero_masked(mask, inputs), window // 2, window // 2)
        taps = [padded[k : k + len(inputs)] for k in range(window)]
        _, pre = hidden.apply(params, None, jnp.concatenate(taps, axis=-1))
        return carry, zero_masked(mask, jnp.tanh(pre))

    return causal_layer(init, hidden.initial_carry, apply, causal=False)


def shape_of(word: str) -> tuple[str, bool, bool, bool, bool]:
    """Returns what a word looks like; see `FrequentTags`."""
    return (
        word[-2:].lower(),
        word[0].isupper(),
        any(map(str.isdigit, word)),
        "-" in word,
        any(map(str.isalpha, word)),
    )


def _first(counts: Counter) -> str:
    """Returns the most frequent tag, the first in the alphabet among equals."""
    return min(counts, key=lambda tag: (-counts[tag], tag))

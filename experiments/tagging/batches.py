"""Sentences as arrays, in batches."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.data.sentences import Sentence
from experiments.shared.buckets import Buckets, Rows, pad, pick, real_steps
from experiments.tagging.symbols import Symbols
from rnnjax.models.tagger import Words


class Encoded(NamedTuple):
    """Sentences as numbers.

    Attributes:
      tokens: `[num_words]` of each sentence.
      characters: `[num_characters]` of each, all words one after the other.
      first, last: `[num_words]`, the places of each word's first and last character.
      features: `[num_words, num_features]`, what else is known of each word.
      tags: `[num_words]`, -1 for a tag that no training sentence has.
      labels: `[num_sentences]`, -1 for none or an unknown one.
    """

    tokens: list[np.ndarray]
    characters: list[np.ndarray]
    first: list[np.ndarray]
    last: list[np.ndarray]
    features: list[np.ndarray]
    tags: list[np.ndarray]
    labels: np.ndarray

    @property
    def lengths(self) -> list[int]:
        """Number of words of each sentence."""
        return [len(tokens) for tokens in self.tokens]


def encode(sentences: Sequence[Sentence], symbols: Symbols) -> Encoded:
    """Turns sentences into numbers."""
    tags = {tag: i for i, tag in enumerate(symbols.tags)}
    labels = {label: i for i, label in enumerate(symbols.labels)}
    ends = [np.cumsum([len(word) for word in sentence.words]) for sentence in sentences]
    return Encoded(
        [symbols.words.encode(sentence.words) for sentence in sentences],
        [symbols.characters.encode("".join(s.words)) for s in sentences],
        [np.concatenate([[0], end[:-1]]).astype(np.int32) for end in ends],
        [(end - 1).astype(np.int32) for end in ends],
        [_encode_features(sentence, symbols) for sentence in sentences],
        [np.array([tags.get(t, -1) for t in s.tags], np.int32) for s in sentences],
        np.array([labels.get(s.label or "", -1) for s in sentences], np.int32),
    )


def _encode_features(sentence, symbols):
    columns = [
        values.encode([of_word[i] for of_word in sentence.features])
        for i, values in enumerate(symbols.features)
    ]
    if not columns:
        return np.zeros((len(sentence.words), 0), np.int32)
    return np.stack(columns, axis=1)


class Batch(NamedTuple):
    """Sentences of similar length, batch first.

    Attributes:
      words: what the tagger reads.
      tags: `[B, T]` int32.
      labels: `[B]` int32.
      mask: `[B, T]` bool, true at words.
    """

    words: Words
    tags: np.ndarray
    labels: np.ndarray
    mask: np.ndarray


class Batcher:
    """Makes batches of the sentences of a part.

    The number of characters is padded to the most in a bucket of lengths, so a bucket
    has one shape.

    Args:
      data: the sentences.
      buckets: all of them by length.
    """

    def __init__(self, data: Encoded, buckets: Buckets):
        self._data, self._buckets = data, buckets
        self._num_characters = {
            num_steps: max(len(data.characters[i]) for i in members)
            for num_steps, members in zip(buckets.num_steps, buckets.members)
        }

    def batch(self, rows: Rows) -> Batch:
        """Returns the batch of these rows."""
        data = self._data
        by_character = rows._replace(num_steps=self._num_characters[rows.num_steps])
        words = Words(
            pad(data.tokens, rows),
            pad(data.characters, by_character, fill=-1),
            pad(data.first, rows),
            pad(data.last, rows),
            pad(data.features, rows),
        )
        labels = pick(data.labels, rows, fill=-1)
        tags = pad(data.tags, rows, fill=-1)
        return Batch(words, tags, labels, real_steps(self._buckets, rows))

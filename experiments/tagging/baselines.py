"""Baselines of tagging that look at one word."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from experiments.data.sentences import Sentence


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

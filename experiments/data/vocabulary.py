"""Vocabularies: the symbols that a model knows, and their numbers."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

UNKNOWN = "<unk>"


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The symbols that a model knows; the token of a symbol is its position.

    Attributes:
      symbols: characters or words, without duplicates.
      separator: what `decode` puts between symbols, "" for characters.
      unknown: the symbol that stands for all that are not in `symbols`; None: these
        are an error.

    Raises:
      ValueError: if there is no symbol, one is a duplicate, or `unknown` is not one.
    """

    symbols: tuple[str, ...]
    separator: str = ""
    unknown: str | None = None

    def __post_init__(self):
        if not self.symbols:
            raise ValueError("symbols must hold at least one symbol, got none.")
        if len(self._tokens) < len(self.symbols):
            twice = Counter(self.symbols).most_common(1)[0][0]
            raise ValueError(f"symbols must differ, got {twice!r} more than once.")
        if self.unknown is not None and self.unknown not in self._tokens:
            raise ValueError(f"unknown must be a symbol, got {self.unknown!r}.")

    @classmethod
    def of_characters(cls, characters: Iterable[str]) -> "Vocabulary":
        """Makes the vocabulary of the characters of a text, ordered by code point.

        Args:
          characters: a text, or what `ptb_characters` returns.
        """
        return cls(tuple(sorted(set(characters))))

    @classmethod
    def of_words(cls, words: Iterable[str], min_count: int = 1) -> "Vocabulary":
        """Makes the vocabulary of the words of a text, the most frequent first.

        `<unk>` is a symbol if rare words are left out or the text contains it; it then
        stands for every word that is not in the vocabulary.

        Args:
          words: what `split_words` returns.
          min_count: occurrences that make a word a symbol of its own.

        Raises:
          ValueError: if `min_count` is not positive.
        """
        if min_count < 1:
            raise ValueError(f"min_count must be positive, got {min_count}.")
        counts = Counter(words)
        if min_count > 1:
            kept = {word: n for word, n in counts.items() if n >= min_count}
            kept[UNKNOWN] = kept.get(UNKNOWN, 0) + counts.total() - sum(kept.values())
            counts = Counter(kept)
        symbols = sorted(counts, key=lambda word: (-counts[word], word))
        unknown = UNKNOWN if UNKNOWN in counts else None
        return cls(tuple(symbols), separator=" ", unknown=unknown)

    def __len__(self) -> int:
        return len(self.symbols)

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._tokens

    def encode(self, symbols: Iterable[str]) -> np.ndarray:
        """Turns the symbols of a text into tokens.

        Args:
          symbols: a text for characters, a list for words.

        Returns:
          `[num_symbols]` int32, the tokens.

        Raises:
          ValueError: if a symbol is not in the vocabulary and `unknown` is None.
        """
        symbols = symbols if isinstance(symbols, Sequence) else list(symbols)
        if self.unknown is not None:
            unknown = self._tokens[self.unknown]
            numbers = (self._tokens.get(symbol, unknown) for symbol in symbols)
            return np.fromiter(numbers, np.int32, len(symbols))
        try:
            numbers = map(self._tokens.__getitem__, symbols)
            return np.fromiter(numbers, np.int32, len(symbols))
        except KeyError as error:
            symbol = error.args[0]
            raise ValueError(
                f"symbols must be among the {len(self)} of the vocabulary, "
                f"got {symbol!r} at position {symbols.index(symbol)}."
            ) from None

    def decode(self, tokens: Iterable[int]) -> str:
        """Turns tokens into text, with the separator between symbols.

        Raises:
          ValueError: if a token is out of range.
        """
        tokens = np.asarray(tokens).astype(np.int64)
        outside = np.flatnonzero((tokens < 0) | (tokens >= len(self)))
        if outside.size:
            raise ValueError(
                f"tokens must be from 0 to {len(self) - 1}, "
                f"got {tokens[outside[0]]} at position {outside[0]}."
            )
        return self.separator.join(self.symbols[token] for token in tokens)

    @functools.cached_property
    def _tokens(self) -> dict[str, int]:
        return {symbol: token for token, symbol in enumerate(self.symbols)}

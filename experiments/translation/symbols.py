"""Symbols of sources and targets: from pairs to numbers and back."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.data.pairs import Pair
from experiments.data.pieces import Pieces, join_pieces, train_pieces
from experiments.data.vocabulary import UNKNOWN, Vocabulary
from experiments.harness import files
from experiments.translation.loading import SIDES, PairFlags

START, END = "<s>", "</s>"
NUM_COPIED = 12  # different words of a source that are not in the vocabulary, at most


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What the numbers of sources and targets stand for.

    Attributes:
      source, target: the vocabularies; their first three symbols are those for what is
        unknown, for the start and for the end.
      source_units, target_units: what texts are split into.
      longest: symbols of the longest target that is written.
      source_pieces, target_pieces: what splits texts into pieces, if something does.
    """

    source: Vocabulary
    target: Vocabulary
    source_units: str
    target_units: str
    longest: int
    source_pieces: Pieces | None = None
    target_pieces: Pieces | None = None

    def split_source(self, text: str) -> tuple[str, ...]:
        """Splits a source into its symbols."""
        return split(text, self.source_units, self.source_pieces)

    def split_target(self, text: str) -> tuple[str, ...]:
        """Splits a target into its symbols."""
        return split(text, self.target_units, self.target_pieces)

    @property
    def pieces(self) -> dict[str, Pieces]:
        """The models of pieces, by the name of their file in the run directory."""
        named = {"source": self.source_pieces, "target": self.target_pieces}
        return {f"{side}.model": own for side, own in named.items() if own is not None}

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of the models of pieces, by name."""
        return {name: pieces.digest for name, pieces in self.pieces.items()}


def save_pieces(directory: Path, symbols: Symbols) -> None:
    """Writes the models of pieces into a run directory, for sentencepiece's tools."""
    for name, pieces in symbols.pieces.items():
        files.write_whole(directory / name, pieces.content)


def split(text: str, units: str, pieces: Pieces | None = None) -> tuple[str, ...]:
    """Splits a text into its words, characters or pieces."""
    if pieces is not None:
        return pieces.split(text)
    return tuple(text.split()) if units == "words" else tuple(text)


def make_symbols(train: Sequence[Pair], flags: PairFlags, min_count: int) -> Symbols:
    """Numbers what occurs at least `min_count` times in the training pairs.

    A target is written up to one and a half times as long as the longest one of
    training.

    Raises:
      BadInput: if the texts have more characters than there shall be pieces.
    """
    sides: dict[str, Any] = {}
    texts = [pair.source for pair in train], [pair.targets[0] for pair in train]
    for side, own in zip(SIDES, texts):
        units = sides[f"{side}_units"] = flags.units_of(side)
        pieces = train_pieces(own, flags.num_pieces) if units == "pieces" else None
        symbols = [split(text, units, pieces) for text in own]
        sides[f"{side}_pieces"] = pieces
        sides[side] = _vocabulary(symbols, units, min_count)
        longest = max(map(len, symbols)) * 3 // 2 + 1
    return Symbols(longest=longest, **sides)


def _vocabulary(texts, units, min_count) -> Vocabulary:
    least = min_count if units == "words" else 1
    known = Vocabulary.of_words((s for text in texts for s in text), least).symbols
    special = UNKNOWN, START, END
    symbols = (*special, *(symbol for symbol in known if symbol not in special))
    return Vocabulary(symbols, " " if units == "words" else "", UNKNOWN)


class Encoded(NamedTuple):
    """Pairs as numbers, an array per pair.

    Attributes:
      source: the source and its end.
      copied: the source in the numbers of targets, those beyond the vocabulary being
        the different words that it does not know, in their order.
      target: the first target and its end.
      new_words: the words that those numbers stand for.
    """

    source: list[np.ndarray]
    copied: list[np.ndarray]
    target: list[np.ndarray]
    new_words: list[list[str]]


def encode(pairs: Sequence[Pair], symbols: Symbols, copies: bool) -> Encoded:
    """Turns pairs into numbers.

    Args:
      pairs: the pairs; a target may be missing.
      symbols: the vocabularies.
      copies: whether words that targets do not know may be copied.
    """
    encoded = Encoded([], [], [], [])
    for pair in pairs:
        source = (*symbols.split_source(pair.source), END)
        target = (*symbols.split_target("".join(pair.targets[:1])), END)
        numbers: dict[str, int] = {}
        for word in source if copies else ():
            if word not in symbols.target and len(numbers) < NUM_COPIED:
                numbers.setdefault(word, len(symbols.target) + len(numbers))
        encoded.source.append(symbols.source.encode(source))
        encoded.copied.append(_numbered(source, symbols.target, numbers))
        encoded.target.append(_numbered(target, symbols.target, numbers))
        encoded.new_words.append(list(numbers))
    return encoded


def _numbered(text, vocabulary: Vocabulary, numbers: dict[str, int]) -> np.ndarray:
    known = vocabulary.encode(text)
    new = [numbers.get(symbol, -1) for symbol in text]
    return np.where(np.greater_equal(new, 0), new, known).astype(np.int32)


def decode(tokens: np.ndarray, symbols: Symbols, new_words: Sequence[str]) -> str:
    """Turns the numbers of a target, up to its end, into text."""
    vocabulary = symbols.target
    names = [*vocabulary.symbols, *new_words]
    written = []
    for token in tokens:
        if names[token] == END:
            break
        written.append(names[token])
    if symbols.target_pieces is not None:
        return join_pieces(written)
    return vocabulary.separator.join(written)

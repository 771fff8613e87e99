"""Pretrained word vectors, in the text format of word2vec and GloVe."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.harness.errors import BadInput


class WordVectors(NamedTuple):
    """Vectors of the words of a vocabulary.

    Attributes:
      table: `[num_words, size]` float32, zeros where a word is missing.
      is_found: `[num_words]` bool, whether the file has the word.
    """

    table: np.ndarray
    is_found: np.ndarray


def read_vectors(
    path: str | Path, words: Sequence[str], encoding: str = "utf-8"
) -> WordVectors:
    """Reads the vectors of the words of a vocabulary.

    A line holds a word and its numbers, separated by blanks; a first line of two whole
    numbers, as word2vec writes it, is skipped. The file is read line by line: no more
    than the vectors of `words` is kept. Of a word that occurs twice the first counts.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      words: the vocabulary.
      encoding: its encoding.

    Returns:
      The vectors.

    Raises:
      BadInput: if a line has another number of numbers than the first one or one that
        is not finite, the file is not in this encoding, or holds no vector.

    References:
      Mikolov et al., "Efficient Estimation of Word Representations in Vector Space",
      2013. Pennington, Socher and Manning, "GloVe: Global Vectors for Word
      Representation", EMNLP 2014.
    """
    places = {word: place for place, word in enumerate(words)}
    table, is_found = np.zeros((0, 0), np.float32), np.zeros(0, bool)
    size = 0
    for line, text in _lines(path, encoding):
        fields = text.rstrip().split(" ")
        if line == 1 and len(fields) == 2 and all(map(str.isdigit, fields)):
            continue
        if not size:
            size = len(fields) - 1
            table = np.zeros((len(words), size), np.float32)
            is_found = np.zeros(len(words), bool)
        word, vector = _parse(fields, size, path, line)
        place = places.get(word)
        if place is not None and not is_found[place]:
            table[place], is_found[place] = vector, True
    if not size:
        raise BadInput("the file must hold a vector, got none.", path)
    return WordVectors(table, is_found)


def _lines(path: str | Path, encoding: str) -> Iterator[tuple[int, str]]:
    """Yields the numbered lines of a file, one at a time."""
    open_file = gzip.open if str(path).endswith(".gz") else open
    line = 0
    try:
        with open_file(path, "rb") as file:
            for line, content in enumerate(file, 1):
                yield line, content.decode(encoding)
    except UnicodeDecodeError as error:
        raise BadInput(
            f"the file must be {encoding}, got byte "
            f"0x{error.object[error.start]:02x}; name its encoding.",
            path,
            line,
        ) from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadInput(f"the file cannot be decompressed: {error}.", path) from error


def _parse(fields: list[str], size: int, path, line: int) -> tuple[str, np.ndarray]:
    """Returns the word of a line, which may contain blanks, and its vector."""
    leading, numbers = fields[: len(fields) - size], fields[len(fields) - size :]
    if not size or not leading or any(map(_is_number, leading[1:])):
        raise BadInput(
            f"a line must be a word and {size or 'some'} numbers, as many as in the "
            f"first one, got {sum(map(_is_number, fields[1:]))}.",
            path,
            line,
        )
    try:
        vector = np.asarray(numbers, np.float64)
    except ValueError as error:
        raise BadInput(f"a vector must be of numbers: {error}.", path, line) from None
    if not (np.abs(vector) <= np.finfo(np.float32).max).all():
        raise BadInput("a vector must be finite in float32.", path, line)
    return " ".join(leading), vector


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True

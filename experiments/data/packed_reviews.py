"""Movie reviews packed into numbers: a second way to read those of `labelled_texts`."""

import io
import lzma
import zipfile
from collections.abc import Sequence

import numpy as np

from experiments.data.labelled_texts import LabelledText
from experiments.data.lookup import AnyPath, read_bytes
from experiments.data.text import read_text, split_lines
from experiments.data.vocabulary import UNKNOWN
from experiments.harness.errors import BadInput


def read_packed_reviews(
    tokens_path: AnyPath, index_path: AnyPath, words: Sequence[str]
) -> list[LabelledText]:
    """Reads the reviews of one part.

    Args:
      tokens_path: all reviews one after the other, little-endian 16-bit numbers
        compressed by xz: 1 stands for an unknown word, i from 2 on for `words[i - 2]`.
      index_path: an npz file with the `lengths` of the reviews and their `labels`, 1
        for a positive one.
      words: the vocabulary.

    Returns:
      The reviews in their order, labelled `negative` or `positive`.

    Raises:
      BadInput: if a file is not of its format, or the files do not fit each other.
    """
    try:
        tokens = np.frombuffer(lzma.decompress(read_bytes(tokens_path)), "<u2")
    except (lzma.LZMAError, ValueError) as error:
        raise BadInput(f"the file must be numbers: {error}.", tokens_path) from error
    try:
        with np.load(io.BytesIO(read_bytes(index_path)), allow_pickle=False) as index:
            lengths, labels = index["lengths"].astype(np.int64), index["labels"]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"the file must be .npz with `lengths` and `labels`: {error}.", index_path
        ) from error
    if lengths.sum() != len(tokens) or labels.shape != lengths.shape:
        raise BadInput(
            f"there must be {lengths.sum()} words and {len(lengths)} labels, got "
            f"{len(tokens)} and {len(labels)}.",
            tokens_path,
        )
    last = len(words) + 1
    if len(tokens) and not 1 <= tokens.min() <= tokens.max() <= last:
        got = f"{tokens.min()} to {tokens.max()}"
        raise BadInput(f"numbers must be from 1 to {last}, got {got}.", tokens_path)
    symbols = np.array(["", UNKNOWN, *words], object)
    return [
        LabelledText(
            tuple(symbols[tokens[end - length : end]].tolist()),
            "positive" if label else "negative",
        )
        for end, length, label in zip(np.cumsum(lengths), lengths, labels)
    ]


def read_word_list(path: AnyPath) -> list[str]:
    """Reads a vocabulary, a word per line; decompressed if its name ends in `.gz`."""
    return split_lines(read_text(path))

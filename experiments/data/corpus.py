"""Texts as tokens: what the language models train on and are judged by."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from experiments.data import lookup, text
from experiments.data.registry import dataset as registered
from experiments.data.vocabulary import Vocabulary


class Corpus(NamedTuple):
    """A text cut in parts, as tokens.

    Attributes:
      train: `[num_tokens]` int32.
      validation: `[num_tokens]` int32.
      test: `[num_tokens]` int32, or None where there is no third part.
      vocabulary: the symbols that the tokens number.
      digests: SHA-256 of what was read, by its name.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray | None
    vocabulary: Vocabulary
    digests: dict[str, str]


def load_characters(
    dataset: str,
    data_path: Path | None,
    data_dir: Path | None,
    *,
    train_fraction: float,
) -> Corpus:
    """Loads a text as characters.

    A text in one piece is cut at `train_fraction`, the rest being for validation; Penn
    Treebank comes in three parts. The vocabulary is that of the whole text.

    Args:
      dataset: `python_reference`, `tinyshakespeare` or `ptb`.
      data_path: a text file to read in its stead; None: the data set.
      data_dir: where data sets are looked for first.
      train_fraction: share of the text for training.

    Returns:
      The corpus.

    Raises:
      ValueError: if the text is empty, not UTF-8 or too short to be cut.
      MissingData: if the data set is not on this machine.
    """
    if data_path is None and dataset == "ptb":
        parts, digests = _read_ptb(data_dir, text.ptb_characters)
        vocabulary = Vocabulary.of_characters(
            symbol for part in parts for symbol in part
        )
        return _corpus(parts, vocabulary, digests)
    content, digests = _read_whole(dataset, data_path, data_dir)
    parts = text.split(content, train_fraction)
    return _corpus(parts, Vocabulary.of_characters(content), digests)


def load_words(
    dataset: str, data_path: Path | None, data_dir: Path | None, *, min_count: int
) -> Corpus:
    """Loads a text as words, with `<eos>` at the end of every line.

    A text in one piece is cut into 80, 10 and 10 percent. The vocabulary is that of the
    training part; other words are `<unk>`.

    Args:
      dataset: `python_reference`, `tinyshakespeare` or `ptb`.
      data_path: a text file to read in its stead; None: the data set.
      data_dir: where data sets are looked for first.
      min_count: how often a word must occur in the training part to be a token of its
        own.

    Returns:
      The corpus.

    Raises:
      ValueError: if the text is empty, not UTF-8 or too short to be cut, or a word is
        new in a later part and no `<unk>` stands for it.
      MissingData: if the data set is not on this machine.
    """
    if data_path is None and dataset == "ptb":
        parts, digests = _read_ptb(data_dir, text.split_words)
    else:
        content, digests = _read_whole(dataset, data_path, data_dir)
        train, rest = text.split(text.split_words(content), 0.8)
        parts = (train, *text.split(rest, 0.5))
    return _corpus(parts, Vocabulary.of_words(parts[0], min_count), digests)


def _read_whole(dataset, data_path, data_dir) -> tuple[str, dict[str, str]]:
    if data_path is not None:
        content = text.read_text(data_path)
        return content, {str(data_path): text.text_digest(content)}
    if dataset == "python_reference":
        content = text.pydoc_topics()
        return content, {"pydoc_data.topics": text.text_digest(content)}
    (path,) = lookup.find(dataset, data_dir).values()
    return text.read_text(path), registered(dataset).digests


def _read_ptb(
    data_dir: Path | None, cut: Callable[[str], list[str]]
) -> tuple[list[list[str]], dict[str, str]]:
    paths = lookup.find("ptb", data_dir)
    names = [f"ptb.{part}.txt" for part in ("train", "valid", "test")]
    return [cut(text.read_text(paths[name])) for name in names], registered(
        "ptb"
    ).digests


def _corpus(parts: Sequence, vocabulary: Vocabulary, digests) -> Corpus:
    train, validation, *test = map(vocabulary.encode, parts)
    return Corpus(train, validation, test[0] if test else None, vocabulary, digests)

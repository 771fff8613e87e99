"""Texts as tokens: what the language models train on and are evaluated on."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data import lookup, splits, text
from experiments.data.registry import dataset as registered
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput, TrainingConfig, flag


@dataclasses.dataclass(frozen=True)
class TextFlags(TrainingConfig):
    """The flags of an experiment that learns one running text."""

    dataset: Literal["python_reference", "tinyshakespeare", "ptb"] = flag(
        "python_reference",
        "text to learn; python_reference is the help that comes with Python",
    )
    data_path: Path | None = flag(None, "text file of your own to learn instead")
    validation_path: Path | None = flag(
        None, "text file to validate on; none: a part of data_path"
    )
    test_path: Path | None = flag(
        None, "text file to test on; needs validation_path; none: no test then"
    )
    encoding: str = flag("utf-8", "encoding of your own files")

    def __post_init__(self):
        """Checks that the files of a split come together."""
        super().__post_init__()
        if self.validation_path is not None and self.data_path is None:
            raise ValueError("validation_path needs data_path, the text to learn.")
        if self.test_path is not None and self.validation_path is None:
            raise ValueError("test_path needs validation_path.")


class Corpus(NamedTuple):
    """A text in parts, as tokens.

    Attributes:
      train: `[num_tokens]` int32.
      validation: `[num_tokens]` int32.
      test: `[num_tokens]` int32, or None if there is no test part.
      vocabulary: the symbols that the tokens number.
      digests: SHA-256 of every text that was read, by its name.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray | None
    vocabulary: Vocabulary
    digests: dict[str, str]


class _Parts(NamedTuple):
    """Symbols of the training, validation and test parts, and digests."""

    symbols: Sequence[Sequence[str]]
    digests: dict[str, str]


def load_characters(
    flags: TextFlags,
    train_fraction: float | None = None,
    vocabulary: Vocabulary | None = None,
) -> Corpus:
    """Loads a text as characters.

    The vocabulary is by default that of all parts. Penn Treebank comes in three parts.
    Another data set is cut in two at `train_fraction`, by default 0.9, as in published
    results, and a file of the user's in three, by default 80/10/10.

    Args:
      flags: which text.
      train_fraction: share of a text in one piece for training; None: see above.
      vocabulary: the vocabulary to use.

    Returns:
      The corpus.

    Raises:
      BadInput: if a file is empty, wrongly encoded or too short to be split.
      ValueError: if a character is not in the vocabulary.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        parts = _read_own(flags, flags.data_path, str, train_fraction or 0.8)
    elif flags.dataset == "ptb":
        parts = _read_ptb(flags.data_dir, text.ptb_characters)
    else:
        content, digests = _read_whole(flags.dataset, flags.data_dir)
        parts = _Parts(splits.split_in_two(content, train_fraction or 0.9), digests)
    if vocabulary is None:
        vocabulary = Vocabulary.of_characters(set().union(*parts.symbols))
    return _encoded(parts, vocabulary)


def load_words(
    flags: TextFlags, min_count: int, vocabulary: Vocabulary | None = None
) -> Corpus:
    """Loads a text as words, with `<eos>` at the end of every line.

    The vocabulary is by default that of the training part; other words are `<unk>`.
    Penn Treebank comes in three parts; any other text in one piece is cut 80/10/10.

    Args:
      flags: which text.
      min_count: occurrences in the training part that make a word a symbol of its own.
      vocabulary: the vocabulary to use.

    Returns:
      The corpus.

    Raises:
      BadInput: if a file is empty, wrongly encoded or too short to be split, or a word
        is not in the vocabulary and no `<unk>` stands for it.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        parts = _read_own(flags, flags.data_path, text.split_words, 0.8)
    elif flags.dataset == "ptb":
        parts = _read_ptb(flags.data_dir, text.split_words)
    else:
        content, digests = _read_whole(flags.dataset, flags.data_dir)
        parts = _Parts(splits.split_by_place(text.split_words(content)), digests)
    if vocabulary is None:
        vocabulary = Vocabulary.of_words(parts.symbols[0], min_count)
    if vocabulary.unknown is None:
        _check_known(parts.symbols, vocabulary, flags.data_path)
    return _encoded(parts, vocabulary)


def _read_own(
    flags: TextFlags,
    path: Path,
    cut: Callable[[str], Sequence[str]],
    train_fraction: float,
) -> _Parts:
    """Reads the user's text, in one file or in one per part."""
    given = (path, flags.validation_path, flags.test_path)
    digests, symbols = {}, []
    for file in given:
        if file is not None:
            content = text.read_text(file, flags.encoding)
            digests[str(file)] = text.text_digest(content)
            symbols.append(cut(content))
    if flags.validation_path is None:
        try:
            symbols = splits.split_by_place(symbols[0], train_fraction)
        except ValueError as error:
            raise BadInput(str(error), path) from None
    return _Parts(symbols, digests)


def _read_whole(dataset: str, data_dir: Path | None) -> tuple[str, dict[str, str]]:
    if dataset == "python_reference":
        content = text.pydoc_topics()
        return content, {"pydoc_data.topics": text.text_digest(content)}
    (path,) = lookup.find(dataset, data_dir).values()
    return text.read_text(path), registered(dataset).digests


def _read_ptb(data_dir: Path | None, cut: Callable[[str], list[str]]) -> _Parts:
    paths = lookup.find("ptb", data_dir)
    names = [f"ptb.{part}.txt" for part in ("train", "valid", "test")]
    symbols = [cut(text.read_text(paths[name])) for name in names]
    return _Parts(symbols, registered("ptb").digests)


def _check_known(parts, vocabulary: Vocabulary, path: Path | None) -> None:
    known = set(vocabulary.symbols)
    for part in parts[1:]:
        for word in part:
            if word not in known:
                raise BadInput(
                    f"the word {word!r} does not occur in the training part and there "
                    "is no <unk> to stand for it: give a min_count of 2 or more.",
                    path,
                )


def _encoded(parts: _Parts, vocabulary: Vocabulary) -> Corpus:
    train, validation, *test = map(vocabulary.encode, parts.symbols)
    return Corpus(
        train, validation, test[0] if test else None, vocabulary, parts.digests
    )

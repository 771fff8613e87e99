"""The tagged sentences of every data set, in parts, and as arrays."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data import lookup, splits
from experiments.data.registry import dataset as registered
from experiments.data.sentences import (
    Sentence,
    read_aligned,
    read_columns,
    read_conllu,
)
from experiments.data.vocabulary import UNKNOWN, Vocabulary
from experiments.harness import BadInput, TrainingConfig, flag
from experiments.shared.buckets import Buckets, Rows, pad, pick, real_steps
from experiments.tagging.grammar import made_sentences
from rnnjax.models.tagger import Words

UD = {
    "ewt": ("ud_english_ewt", "en_ewt"),
    "afrikaans": ("ud_afrikaans", "af_afribooms"),
    "vietnamese": ("ud_vietnamese", "vi_vtb"),
    "uyghur": ("ud_uyghur", "ug_udt"),
}
CHUNKING_VALIDATION = 893  # the last sentences of CoNLL-2000's training part
MADE = (3000, 300, 700)


@dataclasses.dataclass(frozen=True)
class SentenceFlags(TrainingConfig):
    """The flags that say which sentences to tag."""

    dataset: Literal[
        "made",
        "ewt",
        "afrikaans",
        "vietnamese",
        "uyghur",
        "conll2000",
        "wnut17",
        "snips",
    ] = flag("made", "data set; made is a small grammar's")
    data_path: Path | None = flag(
        None,
        "file of your own: CoNLL-U if it ends in .conllu, else a word and its tag per "
        "line; with label_path, a sentence per line",
    )
    tags_path: Path | None = flag(
        None, "tags of the sentences of data_path, a line per line"
    )
    labels_path: Path | None = flag(
        None, "label of each sentence of data_path, a line per line; needs tags_path"
    )
    validation_path: Path | None = flag(
        None, "file to validate on; none: a tenth of data_path"
    )
    test_path: Path | None = flag(
        None, "file to test on; needs validation_path; none: no test then"
    )
    tag_column: int = flag(-1, "column of the tag, from 0; -1: the last one")
    encoding: str = flag("utf-8", "encoding of your own files")

    def __post_init__(self):
        """Checks that the files come together."""
        super().__post_init__()
        needs = {
            "tags_path": "data_path",
            "labels_path": "tags_path",
            "validation_path": "data_path",
            "test_path": "validation_path",
        }
        for name, needed in needs.items():
            if getattr(self, name) is not None and getattr(self, needed) is None:
                raise ValueError(f"{name} needs {needed}.")
        if self.tags_path is not None and self.validation_path is not None:
            raise ValueError("validation_path must not be given with tags_path.")


class Parts(NamedTuple):
    """Sentences for training, validation and test.

    Attributes:
      train, validation, test: the sentences; `test` may be empty.
      digests: SHA-256 of every file, by name.
    """

    train: list[Sentence]
    validation: list[Sentence]
    test: list[Sentence]
    digests: dict[str, str]


def load_sentences(flags: SentenceFlags) -> Parts:
    """Loads the sentences.

    A file of the user's is split 80/10/10 by a checksum of the words of each sentence.

    Raises:
      BadInput: if a file cannot be read, or a part of it would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        return _read_own(flags, flags.data_path)
    if flags.dataset == "made":
        sentences = made_sentences(seed=0, number=sum(MADE))
        train, rest = sentences[: MADE[0]], sentences[MADE[0] :]
        return Parts(train, rest[: MADE[1]], rest[MADE[1] :], {})
    name, prefix = UD.get(flags.dataset, (flags.dataset, ""))
    paths = lookup.find(name, flags.data_dir)
    digests = registered(name).digests
    if prefix:
        files = [f"{prefix}-ud-{part}.conllu" for part in ("train", "dev", "test")]
        train, validation, test = (read_conllu(paths[file]) for file in files)
        return Parts(train, validation, test, digests)
    if name == "wnut17":
        files = [f"{part}.conll" for part in ("train", "dev", "test")]
        train, validation, test = (read_columns(paths[file]) for file in files)
        return Parts(train, validation, test, digests)
    if name == "snips":
        train, validation, test = (
            read_aligned(
                paths[f"{part}/seq.in"],
                paths[f"{part}/seq.out"],
                paths[f"{part}/label"],
            )
            for part in ("train", "valid", "test")
        )
        return Parts(train, validation, test, digests)
    train, test = (read_columns(paths[file]) for file in ("train.txt", "test.txt"))
    cut = len(train) - CHUNKING_VALIDATION
    return Parts(train[:cut], train[cut:], test, digests)


def _read_own(flags: SentenceFlags, path: Path) -> Parts:
    given = [path, flags.tags_path, flags.labels_path]
    given += [flags.validation_path, flags.test_path]
    digests = {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in given
        if file is not None
    }

    def read(file: Path) -> list[Sentence]:
        if flags.tags_path is not None:
            return read_aligned(
                file, flags.tags_path, flags.labels_path, flags.encoding
            )
        if ".conllu" in file.suffixes:
            return read_conllu(file, flags.encoding)
        return read_columns(file, flags.tag_column, flags.encoding)

    sentences = read(path)
    if flags.validation_path is not None:
        test = [] if flags.test_path is None else read(flags.test_path)
        return Parts(sentences, read(flags.validation_path), test, digests)
    parts: dict[splits.Part, list[Sentence]] = {
        "train": [],
        "validation": [],
        "test": [],
    }
    for sentence in sentences:
        parts[splits.part_of_line(" ".join(sentence.words))].append(sentence)
    for name, part in parts.items():
        if not part:
            raise BadInput(f"there are too few sentences: none is for {name}.", path)
    return Parts(parts["train"], parts["validation"], parts["test"], digests)


class Symbols(NamedTuple):
    """What the numbers of words, characters, tags and labels stand for."""

    words: Vocabulary
    characters: Vocabulary
    tags: tuple[str, ...]
    labels: tuple[str, ...]


def make_symbols(train: Sequence[Sentence], min_count: int) -> Symbols:
    """Numbers what occurs in the training sentences.

    Words that occur less than `min_count` times are `<unk>`, and so are all others;
    there is an unknown character too.
    """
    words = [word for sentence in train for word in sentence.words]
    known = Vocabulary.of_words([*words, UNKNOWN], min_count)
    characters = sorted({character for word in words for character in word})
    return Symbols(
        known,
        Vocabulary((UNKNOWN, *characters), unknown=UNKNOWN),
        tuple(sorted({tag for sentence in train for tag in sentence.tags})),
        tuple(sorted({sentence.label for sentence in train} - {None})),  # type: ignore
    )


class Encoded(NamedTuple):
    """Sentences as numbers.

    Attributes:
      tokens: `[num_words]` of each sentence.
      characters: `[num_characters]` of each, all words one after the other.
      first, last: `[num_words]`, the places of each word's first and last character.
      tags: `[num_words]`, -1 for a tag that no training sentence has.
      labels: `[num_sentences]`, -1 for none or an unknown one.
    """

    tokens: list[np.ndarray]
    characters: list[np.ndarray]
    first: list[np.ndarray]
    last: list[np.ndarray]
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
        [np.array([tags.get(t, -1) for t in s.tags], np.int32) for s in sentences],
        np.array([labels.get(s.label or "", -1) for s in sentences], np.int32),
    )


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
      buckets: the sentences by length.
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
        )
        labels = pick(data.labels, rows, fill=-1)
        tags = pad(data.tags, rows, fill=-1)
        return Batch(words, tags, labels, real_steps(self._buckets, rows))

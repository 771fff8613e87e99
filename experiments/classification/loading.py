"""The labelled texts of every data set, in parts, and what their words stand for."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.classification.reviews import made_reviews
from experiments.data import lookup, splits
from experiments.data.labelled_texts import (
    LabelledText,
    read_class_folder,
    read_labelled_table,
)
from experiments.data.labelled_trees import read_labelled_trees
from experiments.data.packed_reviews import read_packed_reviews, read_word_list
from experiments.data.registry import dataset as registered
from experiments.data.vocabulary import UNKNOWN, Vocabulary
from experiments.harness import BadInput, check_needs, flag
from experiments.shared.vectors import VectorFlags

MADE = (4000, 500, 1000)
TREES = (".trees", ".mrg")
SHUFFLE_SEED = 113  # the order of the reviews, of which the last fifth validates
VALIDATION_SHARE = 0.2


@dataclasses.dataclass(frozen=True)
class TextFlags(VectorFlags):
    """The flags that say which texts to read, and what of them."""

    dataset: Literal["made", "imdb", "sst", "sst_binary"] = flag(
        "made", "data set; made are short reviews whose verdict is in the word order"
    )
    data_path: Path | None = flag(
        None,
        "texts of your own: a CSV file; a folder with a .txt file per class, an "
        "example per line, or a folder per class, an example per file; or trees in "
        "brackets, in a file that ends in .trees or .mrg",
    )
    text_column: str = flag("text", "column of the texts of a CSV file")
    label_column: str = flag("label", "column of the labels of a CSV file")
    target: Literal["label", "labels", "number"] = flag(
        "label",
        "what is predicted: one label, any number of labels separated by |, a number",
    )
    validation_path: Path | None = flag(
        None, "texts to validate on, like data_path; none: a tenth of data_path"
    )
    test_path: Path | None = flag(
        None, "texts to test on; needs validation_path; none: no test then"
    )
    encoding: str = flag("utf-8", "encoding of your own files")
    min_count: int = flag(1, "occurrences that make a word known", minimum=1)
    vocab_size: int | None = flag(
        None, "most frequent words that are known; none: all", minimum=1
    )
    max_length: int | None = flag(
        None, "words of a text that are read; none: all", minimum=1
    )
    kept_end: Literal["first", "last"] = flag(
        "last", "which words of a text longer than max_length are read"
    )

    def __post_init__(self):
        """Checks that the flags come together."""
        super().__post_init__()
        needs = {
            "validation_path": "data_path",
            "test_path": "validation_path",
        }
        check_needs(self, needs)
        if self.target != "label" and self.data_path is None and self.dataset != "made":
            raise ValueError(f"target must be label for {self.dataset}.")


class Parts(NamedTuple):
    """Texts for training, validation and test.

    Attributes:
      train, validation, test: the texts; `test` may be empty.
      digests: SHA-256 of every file, by name.
    """

    train: list[LabelledText]
    validation: list[LabelledText]
    test: list[LabelledText]
    digests: dict[str, str]


def load_texts(flags: TextFlags) -> Parts:
    """Loads the texts.

    Texts of the user's are split 80/10/10 by a checksum of the words of each.

    Raises:
      BadInput: if a file cannot be read, or a part of it would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.data_path is not None:
        return _read_own(flags, flags.data_path)
    if flags.dataset == "made":
        texts = made_reviews(seed=0, number=sum(MADE), target=flags.target)
        train, rest = texts[: MADE[0]], texts[MADE[0] :]
        return Parts(train, rest[: MADE[1]], rest[MADE[1] :], {})
    name = flags.dataset.removesuffix("_binary")
    paths, digests = lookup.find(name, flags.data_dir), registered(name).digests
    if name == "sst":
        is_binary = flags.dataset == "sst_binary"
        train, validation, test = (
            read_labelled_trees(paths[f"{part}.txt"], is_binary=is_binary)
            for part in ("train", "dev", "test")
        )
        return Parts(train, validation, test, digests)
    words = read_word_list(paths["words.txt"])
    train, test = (
        read_packed_reviews(
            paths[f"{part}.tokens.u16le.xz"], paths[f"{part}.index.npz"], words
        )
        for part in ("train", "test")
    )
    order = np.random.default_rng(SHUFFLE_SEED).permutation(len(train))
    shuffled = [train[i] for i in order]
    cut = round(len(train) * (1 - VALIDATION_SHARE))
    return Parts(shuffled[:cut], shuffled[cut:], test, digests)


def _read_own(flags: TextFlags, path: Path) -> Parts:
    paths = [path, flags.validation_path, flags.test_path]
    digests = {str(p): _digest(p) for p in paths if p is not None}

    def read(path: Path) -> list[LabelledText]:
        if path.is_dir():
            return read_class_folder(path, flags.encoding)
        if path.name.removesuffix(".gz").endswith(TREES):
            return read_labelled_trees(path, encoding=flags.encoding)
        columns = flags.text_column, flags.label_column
        return read_labelled_table(path, *columns, flags.encoding)

    texts = read(path)
    if flags.validation_path is not None:
        test = [] if flags.test_path is None else read(flags.test_path)
        return Parts(texts, read(flags.validation_path), test, digests)
    parts: dict[splits.Part, list[LabelledText]] = {
        "train": [],
        "validation": [],
        "test": [],
    }
    for text in texts:
        parts[splits.part_of_line(" ".join(text.words))].append(text)
    for name, part in parts.items():
        if not part:
            raise BadInput(f"there are too few texts: none is for {name}.", path)
    return Parts(parts["train"], parts["validation"], parts["test"], digests)


def _digest(path: Path) -> str:
    """Returns the SHA-256 of a file, or of all files in a folder and their names."""
    if not path.is_dir():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(file for file in path.rglob("*") if file.is_file())
    lines = [f"{_digest(file)}  {file.relative_to(path)}" for file in files]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def make_vocabulary(texts: Sequence[LabelledText], flags: TextFlags) -> Vocabulary:
    """Numbers the words of the training texts.

    `<unk>`, the first, stands for those that are too rare and for all others.
    """
    counts = Counter(word for text in texts for word in text.words)
    del counts[UNKNOWN]
    kept = [word for word, count in counts.items() if count >= flags.min_count]
    kept.sort(key=lambda word: (-counts[word], word))
    return Vocabulary((UNKNOWN, *kept[: flags.vocab_size]), " ", UNKNOWN)


def cut(words: Sequence[str], flags: TextFlags) -> Sequence[str]:
    """Returns the words of a text that are read."""
    if flags.max_length is None or len(words) <= flags.max_length:
        return words
    most = flags.max_length
    return words[-most:] if flags.kept_end == "last" else words[:most]

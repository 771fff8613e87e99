"""The tagged sentences of every data set, in parts."""

import dataclasses
import functools
import hashlib
from pathlib import Path
from typing import Literal, NamedTuple

from experiments.data import lookup, splits
from experiments.data.registry import dataset as registered
from experiments.data.sentences import (
    Sentence,
    read_aligned,
    read_columns,
    read_conllu,
)
from experiments.harness import BadInput, TrainingConfig, check_needs, flag
from experiments.tagging.grammar import made_sentences

UD = {
    "ewt": ("ud_english_ewt", "en_ewt"),
    "afrikaans": ("ud_afrikaans", "af_afribooms"),
    "vietnamese": ("ud_vietnamese", "vi_vtb"),
    "uyghur": ("ud_uyghur", "ug_udt"),
}
COLUMNS = "conll2000", "wnut17"  # data sets in columns
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
    tag_path: Path | None = flag(
        None, "tags of the sentences of data_path, a line per line"
    )
    label_path: Path | None = flag(
        None, "label of each sentence of data_path, a line per line; needs tag_path"
    )
    validation_path: Path | None = flag(
        None, "file to validate on; none: a tenth of data_path"
    )
    test_path: Path | None = flag(
        None, "file to test on; needs validation_path; none: no test then"
    )
    tag_column: int = flag(-1, "column of the tag, from 0; -1: the last one")
    feature_columns: tuple[int, ...] = flag(
        (), "columns, from 0, of what else is known of each word and read with it"
    )
    encoding: str = flag("utf-8", "encoding of your own files")

    def __post_init__(self):
        """Checks that the files come together."""
        super().__post_init__()
        needs = {
            "tag_path": "data_path",
            "label_path": "tag_path",
            "validation_path": "data_path",
            "test_path": "validation_path",
        }
        check_needs(self, needs)
        if self.tag_path is not None and self.validation_path is not None:
            raise ValueError("validation_path must not be given with tag_path.")
        if self.feature_columns and not self._reads_columns():
            raise ValueError("feature_columns needs a file of columns.")

    def _reads_columns(self) -> bool:
        if self.data_path is None:
            return self.dataset in COLUMNS
        return self.tag_path is None and ".conllu" not in self.data_path.suffixes


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
    read = functools.partial(read_columns, feature_columns=flags.feature_columns)
    if prefix:
        files = [f"{prefix}-ud-{part}.conllu" for part in ("train", "dev", "test")]
        train, validation, test = (read_conllu(paths[file]) for file in files)
        return Parts(train, validation, test, digests)
    if name == "wnut17":
        files = [f"{part}.conll" for part in ("train", "dev", "test")]
        train, validation, test = (read(paths[file]) for file in files)
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
    train, test = (read(paths[file]) for file in ("train.txt", "test.txt"))
    cut = len(train) - CHUNKING_VALIDATION
    return Parts(train[:cut], train[cut:], test, digests)


def _read_own(flags: SentenceFlags, path: Path) -> Parts:
    given = [path, flags.tag_path, flags.label_path]
    given += [flags.validation_path, flags.test_path]
    digests = {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in given
        if file is not None
    }

    def read(file: Path) -> list[Sentence]:
        if flags.tag_path is not None:
            return read_aligned(file, flags.tag_path, flags.label_path, flags.encoding)
        if ".conllu" in file.suffixes:
            return read_conllu(file, flags.encoding)
        return read_columns(
            file,
            flags.tag_column,
            flags.encoding,
            feature_columns=flags.feature_columns,
        )

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

"""The pairs of every data set, in parts, as symbols and as arrays."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data import lookup, splits
from experiments.data.pairs import Pair, read_aligned_pairs, read_tab_separated
from experiments.data.registry import dataset as registered
from experiments.data.vocabulary import UNKNOWN, Vocabulary
from experiments.harness import BadInput, TrainingConfig, check_needs, flag
from experiments.translation.made import made_dates, made_names

Units = Literal["words", "characters"]

START, END = "<s>", "</s>"
NUM_COPIED = 12  # different words of a source that are not in the vocabulary, at most
MADE = (9000, 500, 1000)


@dataclasses.dataclass(frozen=True)
class PairFlags(TrainingConfig):
    """The flags that say what to translate."""

    dataset: Literal["dates", "names", "multi30k"] = flag(
        "dates", "data set; dates and names are made"
    )
    data_path: Path | None = flag(
        None, "file of your own: a source, a tab and its target per line"
    )
    source_path: Path | None = flag(
        None, "instead: file of sources, one per line; needs target_path"
    )
    target_path: Path | None = flag(None, "file of their targets, a line per line")
    validation_source_path: Path | None = flag(
        None, "sources to validate on; none: a tenth of your pairs"
    )
    validation_target_path: Path | None = flag(None, "their targets")
    test_source_path: Path | None = flag(
        None, "sources to test on; needs those to validate on; none: no test then"
    )
    test_target_path: Path | None = flag(None, "their targets")
    encoding: str = flag("utf-8", "encoding of your own files")
    swap: bool = flag(False, "translate from the target to the source")
    source_units: Units | None = flag(
        None, "what a source is split into; none: characters of dates, else words"
    )
    target_units: Units | None = flag(None, "the same for a target")

    def __post_init__(self):
        """Checks that the files come together."""
        super().__post_init__()
        for part in ("", "validation_", "test_"):
            names = f"{part}source_path", f"{part}target_path"
            given = [getattr(self, name) is not None for name in names]
            if any(given) and not all(given):
                raise ValueError(f"{names[0]} and {names[1]} must be given together.")
        if self.data_path is not None and self.source_path is not None:
            raise ValueError("data_path must not be given with source_path.")
        needs = {
            "validation_source_path": "source_path",
            "test_source_path": "validation_source_path",
        }
        check_needs(self, needs)

    @property
    def is_own(self) -> bool:
        """Whether the pairs are the user's."""
        return self.data_path is not None or self.source_path is not None

    def units_of(self, side: Literal["source", "target"]) -> Units:
        """Returns what the texts of a side are split into."""
        given = getattr(self, f"{side}_units")
        is_dates = self.dataset == "dates" and not self.is_own
        return given or ("characters" if is_dates else "words")


class Parts(NamedTuple):
    """Pairs for training, validation and test.

    Attributes:
      train, validation, test: the pairs; `test` may be empty.
      digests: SHA-256 of every file, by name.
    """

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]
    digests: dict[str, str]


def load_pairs(flags: PairFlags) -> Parts:
    """Loads the pairs.

    Those of the user's are split 80/10/10 by a checksum of their source.

    Raises:
      BadInput: if a file cannot be read, or a part of it would be empty.
      MissingData: if the data set is not on this machine.
    """
    if flags.is_own:
        parts = _read_own(flags)
    elif flags.dataset == "multi30k":
        parts = _read_multi30k(flags.data_dir)
    else:
        make = made_dates if flags.dataset == "dates" else made_names
        made = make(seed=0, sizes=MADE)
        parts = Parts(made.train, made.validation, made.test, {})
    if not flags.swap:
        return parts

    def turned(part):
        return [Pair(pair.targets[0], (pair.source,)) for pair in part]

    train, validation, test, digests = parts
    return Parts(turned(train), turned(validation), turned(test), digests)


def _read_multi30k(data_dir: Path | None) -> Parts:
    paths = lookup.find("multi30k", data_dir)
    train, validation, test = (
        read_aligned_pairs(
            paths[f"{name}.lc.norm.tok.de"], paths[f"{name}.lc.norm.tok.en"]
        )
        for name in ("train", "val", "test_2016_flickr")
    )
    return Parts(train, validation, test, registered("multi30k").digests)


def _read_own(flags: PairFlags) -> Parts:
    paths = {
        field.name: getattr(flags, field.name)
        for field in dataclasses.fields(flags)
        if field.name in ("data_path", "source_path", "target_path")
        or field.name.endswith(("_source_path", "_target_path"))
    }
    digests = {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths.values()
        if path is not None
    }

    def read(part: str) -> list[Pair]:
        source, target = paths[f"{part}source_path"], paths[f"{part}target_path"]
        return [] if source is None else read_aligned_pairs(source, target, encoding)

    encoding = flags.encoding
    if flags.validation_source_path is not None:
        return Parts(read(""), read("validation_"), read("test_"), digests)
    pairs = read("")
    if flags.data_path is not None:
        pairs = read_tab_separated(flags.data_path, encoding)
    parts: dict[splits.Part, list[Pair]] = {"train": [], "validation": [], "test": []}
    for pair in pairs:
        parts[splits.part_of_line(pair.source)].append(pair)
    for name, part in parts.items():
        if not part:
            path = flags.data_path or flags.source_path
            raise BadInput(f"there are too few pairs: none is for {name}.", path)
    return Parts(parts["train"], parts["validation"], parts["test"], digests)


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What the numbers of sources and targets stand for.

    Attributes:
      source, target: the vocabularies; their first three symbols are those for what is
        unknown, for the start and for the end.
      source_units, target_units: what texts are split into.
      longest: symbols of the longest target that is written.
    """

    source: Vocabulary
    target: Vocabulary
    source_units: str
    target_units: str
    longest: int


def split(text: str, units: str) -> tuple[str, ...]:
    """Splits a text into its words or characters."""
    return tuple(text.split()) if units == "words" else tuple(text)


def make_symbols(train: Sequence[Pair], flags: PairFlags, min_count: int) -> Symbols:
    """Numbers what occurs at least `min_count` times in the training pairs.

    A target is written up to one and a half times as long as the longest one of
    training.
    """
    units = flags.units_of("source"), flags.units_of("target")
    texts = (
        [split(pair.source, units[0]) for pair in train],
        [split(pair.targets[0], units[1]) for pair in train],
    )
    longest = max(map(len, texts[1])) * 3 // 2 + 1
    source, target = (
        _vocabulary(side, unit, min_count) for side, unit in zip(texts, units)
    )
    return Symbols(source, target, *units, longest)


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
        source = (*split(pair.source, symbols.source_units), END)
        target = (*split("".join(pair.targets[:1]), symbols.target_units), END)
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
    words = []
    for token in tokens:
        if names[token] == END:
            break
        words.append(names[token])
    return vocabulary.separator.join(words)

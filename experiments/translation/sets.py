"""The data sets of pairs: how each is read, split, and scored."""

import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from experiments.data import lookup
from experiments.data.pairs import (
    Pair,
    read_aligned_pairs,
    read_commands,
    read_pronunciations,
    read_tab_separated,
)
from experiments.data.registry import dataset as registered
from experiments.translation.made import made_dates, made_names

Units = Literal["words", "characters", "pieces"]
Language = Literal[
    "ady", "arm", "bul", "dut", "fre", "geo", "gre", "hin", "hun", "ice", "jpn", "kor",
    "lit", "rum", "vie",
]  # fmt: skip

MADE = (9000, 500, 1000)


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


class DataSet(NamedTuple):
    """A data set.

    Attributes:
      read: `read(data_dir, language) -> parts`.
      source_units, target_units: what its texts are split into.
      score: by which the best parameters are chosen, on validation data.
    """

    read: Callable[[Path | None, Language], Parts]
    source_units: Units = "words"
    target_units: Units = "words"
    score: Literal["bleu", "exact"] = "bleu"


def twentieth(text: str) -> int:
    """Returns which twentieth of a split by checksum a text is in, from 0.

    Example:
      >>> twentieth("a"), twentieth("jump twice")
      (7, 8)
    """
    return zlib.crc32(text.encode()) % 20


def _read_dates(data_dir, language) -> Parts:
    return Parts(*made_dates(seed=0, sizes=MADE), {})


def _read_names(data_dir, language) -> Parts:
    return Parts(*made_names(seed=0, sizes=MADE), {})


def _read_multi30k(data_dir, language) -> Parts:
    names = ("train", "val", "test_2016_flickr")
    return _read_aligned("multi30k", names, ".lc.norm.tok.de .lc.norm.tok.en", data_dir)


def _read_enja(data_dir, language) -> Parts:
    return _read_aligned("enja", ("train", "dev", "test"), ".en .ja", data_dir)


def _read_aligned(name, parts, endings, data_dir) -> Parts:
    paths = lookup.find(name, data_dir)
    of_source, of_target = endings.split()
    train, validation, test = (
        read_aligned_pairs(paths[part + of_source], paths[part + of_target])
        for part in parts
    )
    return Parts(train, validation, test, registered(name).digests)


def _scan(files: str) -> DataSet:
    """Makes a split of SCAN: a twentieth of its training part is for validation."""

    def read(data_dir, language) -> Parts:
        paths = lookup.find("scan", data_dir)
        names = [files.format(part) for part in ("train", "test")]
        given, test = (read_commands(paths[name]) for name in names)
        train = [pair for pair in given if twentieth(pair.source) != 1]
        validation = [pair for pair in given if twentieth(pair.source) == 1]
        digests = registered("scan").digests
        return Parts(train, validation, test, {name: digests[name] for name in names})

    return DataSet(read, score="exact")


def _read_cmudict(data_dir, language) -> Parts:
    """Splits the words of letters and apostrophes by a checksum, 90/5/5."""
    paths = lookup.find("cmudict", data_dir)
    pairs = [
        pair
        for pair in read_pronunciations(paths["cmudict.dict"])
        if re.fullmatch("[a-z']+", pair.source)
    ]
    train = [pair for pair in pairs if twentieth(pair.source) > 1]
    validation, test = (
        [pair for pair in pairs if twentieth(pair.source) == part] for part in (1, 0)
    )
    return Parts(train, validation, test, registered("cmudict").digests)


def _read_sigmorphon(data_dir, language) -> Parts:
    paths = lookup.find("sigmorphon2020", data_dir)
    names = [f"{part}/{language}_{part}.tsv" for part in ("train", "dev", "test")]
    digests = registered("sigmorphon2020").digests
    train, validation, test = (read_tab_separated(paths[name]) for name in names)
    return Parts(train, validation, test, {name: digests[name] for name in names})


SETS = {
    "dates": DataSet(_read_dates, "characters", "characters", "exact"),
    "names": DataSet(_read_names, score="exact"),
    "multi30k": DataSet(_read_multi30k),
    "enja": DataSet(_read_enja),
    "scan_simple": _scan("simple_split/tasks_{}_simple.txt"),
    "scan_length": _scan("length_split/tasks_{}_length.txt"),
    "scan_jump": _scan("add_prim_split/tasks_{}_addprim_jump.txt"),
    "scan_turn_left": _scan("add_prim_split/tasks_{}_addprim_turn_left.txt"),
    "scan_around_right": _scan("template_split/tasks_{}_template_around_right.txt"),
    "cmudict": DataSet(_read_cmudict, "characters", score="exact"),
    "sigmorphon": DataSet(_read_sigmorphon, "characters", score="exact"),
}

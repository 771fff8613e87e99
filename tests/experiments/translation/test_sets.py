"""Data sets: their parts, their units, and what a run keeps of pieces."""

import dataclasses
import hashlib
import typing
import zlib

import pytest
import sentencepiece

from experiments.data import registry
from experiments.harness import BadInput
from experiments.shared.trained import load_symbols, save_symbols
from experiments.translation.loading import SIDES, PairFlags
from experiments.translation.made import made_dates
from experiments.translation.report import main_score
from experiments.translation.sets import SETS
from experiments.translation.symbols import (
    Symbols,
    decode,
    encode,
    make_symbols,
    save_pieces,
)

SIZES = (60, 10, 12)


def test_pieces_are_kept_with_a_run(tmp_path):
    parts = made_dates(0, SIZES)
    flags = PairFlags(source_units="pieces", target_units="pieces", num_pieces=50)
    symbols = make_symbols(parts.train, flags, min_count=2)
    data = encode(parts.test, symbols, copies=False)
    for pair, target in zip(parts.test, data.target):
        assert decode(target, symbols, ()) == pair.targets[0]
    num_characters = sum(len(pair.source) + 1 for pair in parts.test)
    assert sum(map(len, data.source)) < 0.9 * num_characters
    save_symbols(tmp_path, symbols)
    save_pieces(tmp_path, symbols)
    assert load_symbols(tmp_path, Symbols) == symbols
    for side, pieces in (
        ("source", symbols.source_pieces),
        ("target", symbols.target_pieces),
    ):
        content = (tmp_path / f"{side}.model").read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        assert symbols.digests[f"{side}.model"] == digest
        reader = sentencepiece.SentencePieceProcessor(model_proto=content)
        text = parts.test[0].source
        assert tuple(reader.encode(text, out_type=str)) == pieces.split(text)
    other = dataclasses.replace(symbols, source_pieces=symbols.target_pieces)
    with pytest.raises(
        BadInput, match=r"source_pieces must be that of the run, Pieces"
    ):
        save_symbols(tmp_path, other)


def test_every_data_set_can_be_asked_for_and_units_turn_with_it():
    names = typing.get_args(PairFlags.__annotations__["dataset"])
    assert set(names) == set(SETS)
    for swap, units in (
        (False, ["characters", "words"]),
        (True, ["words", "characters"]),
    ):
        flags = PairFlags(dataset="cmudict", swap=swap)
        assert [flags.units_of(side) for side in SIDES] == units


def test_scores_by_which_parameters_are_chosen(tmp_path):
    own = {"data_path": tmp_path / "a.tsv"}
    for flags, name in (
        ({}, "exact"),
        ({"dataset": "multi30k"}, "bleu"),
        ({"dataset": "multi30k", "target_units": "pieces"}, "bleu"),
        ({"dataset": "cmudict"}, "exact"),
        ({"dataset": "scan_length"}, "exact"),
        (own, "bleu"),
        (own | {"target_units": "characters"}, "exact"),
    ):
        assert main_score(PairFlags(**flags)) == f"validation_{name}"


def put(directory, name, files):
    """Writes a data set and lets the registry know its digests."""
    entries = []
    for path, text in files.items():
        (directory / name / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / name / path).write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        entries.append(registry.DataFile(path, None, len(text), digest))
    return registry.Dataset(name, "a title", "a licence", tuple(entries))


def test_data_sets_are_split_by_their_rules(tmp_path, monkeypatch):
    words = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    entry = "".join(f"{word} AH0 B\n{word}(2) EY1\n" for word in words)
    tasks = "".join(f"IN: {word} OUT: B B\n" for word in words)
    folder = "length_split/tasks_{}_length.txt"
    languages = {
        f"{part}/fre_{part}.tsv": f"{part}\tf o\n" for part in ("train", "dev", "test")
    }
    for name, files in {
        "cmudict": {"cmudict.dict": entry + "a.b B\n"},
        "scan": {folder.format("train"): tasks, folder.format("test"): "IN: x OUT: Y"},
        "sigmorphon2020": languages,
    }.items():
        monkeypatch.setitem(registry.DATASETS, name, put(tmp_path, name, files))

    parts = SETS["cmudict"].read(tmp_path, "fre")
    assert [pair.source for pair in parts.test] == [
        word for word in words if zlib.crc32(word.encode()) % 20 == 0
    ]
    assert [pair.source for pair in parts.validation] == [
        word for word in words if zlib.crc32(word.encode()) % 20 == 1
    ]
    assert sum(map(len, parts[:3])) == 100 and parts.test
    assert parts.train[0].targets == ("AH B", "EY")

    parts = SETS["scan_length"].read(tmp_path, "fre")
    assert [pair.source for pair in parts.test] == ["x"]
    assert len(parts.train) + len(parts.validation) == 100
    assert set(parts.digests) == {folder.format("train"), folder.format("test")}

    parts = SETS["sigmorphon"].read(tmp_path, "fre")
    assert [part[0].source for part in parts[:3]] == ["train", "dev", "test"]

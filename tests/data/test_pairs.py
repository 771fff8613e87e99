"""Pairs of texts: what is read, what is refused and where, damaged files."""

import numpy as np
import pytest

from experiments.data.pairs import (
    Pair,
    read_aligned_pairs,
    read_commands,
    read_pronunciations,
    read_tab_separated,
)
from experiments.harness import BadInput
from tests.data.mutations import mutations

TEXT = "ein haus\ta house\nzwei häuser \t two houses\r\n"
WORDS = "a AH0\na(2) EY1  # letter\n(3) TH R IY1\nread R IY1 D\nread(2) R EH1 D\n"
WORDS += "# the end\nread(3) R IY2 D\n"
COMMANDS = "IN: turn left OUT: I_TURN_LEFT\nIN: jump twice OUT: I_JUMP I_JUMP \n"
PAIRS = [Pair("ein haus", ("a house",)), Pair("zwei häuser", ("two houses",))]


def test_both_forms_hold_the_same_pairs(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text(TEXT, encoding="latin-1", newline="")
    assert read_tab_separated(path, "latin-1") == PAIRS
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("ein haus\nzwei häuser\n")
    target.write_text("a house\ntwo houses")
    assert read_aligned_pairs(source, target) == PAIRS


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        ("a\nb\nc\n", "x\ny\n", r"target, line 3: .* 3 lines, as .*source has, got 2"),
        ("a\n", "x\ny\n", r"target, line 2: the file must have 1 lines"),
        ("a\n \nc", "x\ny\nz", "source, line 2: the line must not be empty"),
        ("a\nb", "x\n\n", "target, line 2: the line must not be empty"),
        ("", "x", "source: the file must hold a text"),
    ],
)
def test_lines_that_do_not_belong_together(tmp_path, source, target, message):
    paths = tmp_path / "source", tmp_path / "target"
    for path, text in zip(paths, (source, target)):
        path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_aligned_pairs(*paths)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tx\nb y\n", "line 2: .* a source, a tab and its target, got 0 tabs"),
        ("a\tx\ty\n", "line 1: .* got 2 tabs"),
        ("a\tx\nb\t \n", "line 2: source and target must not be empty"),
        ("a\tx\n\nb\ty\n", "line 2: .* got 0 tabs"),
    ],
)
def test_lines_without_a_pair(tmp_path, text, message):
    path = tmp_path / "pairs.tsv"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read_tab_separated(path)


def test_a_word_has_all_its_ways_without_stress(tmp_path):
    path = tmp_path / "words.dict"
    path.write_text(WORDS)
    assert read_pronunciations(path) == [
        Pair("a", ("AH", "EY")),
        Pair("(3)", ("TH R IY",)),
        Pair("read", ("R IY D", "R EH D")),
    ]


def test_commands_become_pairs(tmp_path):
    path = tmp_path / "tasks.txt"
    path.write_text(COMMANDS)
    assert read_commands(path) == [
        Pair("turn left", ("I_TURN_LEFT",)),
        Pair("jump twice", ("I_JUMP I_JUMP",)),
    ]


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (read_pronunciations, "a AH0\nb\n", "line 2: .* a word and its phones"),
        (read_pronunciations, "a AH0\n\nb B", "line 2: .* a word and its phones"),
        (read_pronunciations, "a AH0\nb(2) B", r"line 2: 'b\(2\)' must come after 'b'"),
        (read_pronunciations, "# none\n", "the file must hold a word, got none"),
        (read_commands, "IN: a OUT: B\nIN: a\n", "line 2: .* `IN: command OUT"),
        (read_commands, "IN: OUT: B\n", "line 1: .* `IN: command OUT"),
    ],
)
def test_lines_of_another_form(tmp_path, read, text, message):
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(BadInput, match=message):
        read(path)


@pytest.mark.parametrize("number", [100, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_tab_separated, TEXT),
        (read_pronunciations, WORDS),
        (read_commands, COMMANDS),
    ],
)
def test_damaged_files_are_read_or_refused(tmp_path, read, text, number):
    path = tmp_path / "pairs.tsv"
    for content in mutations(text.encode(), np.random.default_rng(4), number):
        path.write_bytes(content)
        try:
            pairs = read(path)
        except BadInput:
            continue
        assert all(pair.source and all(pair.targets) for pair in pairs)

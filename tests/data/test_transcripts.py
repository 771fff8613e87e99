"""Transcript files, and damaged ones."""

import numpy as np
import pytest

from experiments.data.transcripts import read_transcripts
from experiments.harness import BadInput
from tests.data.mutations import mutations

GOOD = "a\tone two\nb.wav\t zwei élan \n"


def test_lines_are_read(tmp_path):
    path = tmp_path / "transcripts.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    found = read_transcripts(path)
    assert found == [("a", "one two", 1), ("b.wav", "zwei élan", 2)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tx\n\nb\ty\n", "line 2: the line must not be empty"),
        ("a\tx\nb y\n", "line 2: the line must have a name, a tab and a text, got 0"),
        ("a\tx\ty\n", "line 1: the line must have a name, a tab and a text, got 2"),
        ("a\tx\nb\t \n", "line 2: name and text must not be empty"),
        ("\tx\n", "line 1: name and text must not be empty"),
        ("a\tx\na\ty\n", "line 2: a must have one line, got line 1 too"),
        ("", "must hold a text"),
    ],
)
def test_bad_lines(content, message, tmp_path):
    path = tmp_path / "transcripts.tsv"
    path.write_text(content)
    with pytest.raises(BadInput, match=message):
        read_transcripts(path)


@pytest.mark.parametrize("number", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_files_are_bad_input(number, tmp_path):
    path = tmp_path / "transcripts.tsv"
    num_bad = 0
    for content in mutations(GOOD.encode(), np.random.default_rng(0), number):
        path.write_bytes(content)
        try:
            for name, text, line in read_transcripts(path):
                assert name and text and line > 0
        except BadInput as error:
            assert error.path == path
            num_bad += 1
    assert num_bad > number // 10

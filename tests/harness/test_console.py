"""A console that cannot encode a text never ends a training."""

import io
import os
import platform
import sys

import pytest

from experiments.harness.console import print_text
from tests.harness.conftest import results_of, run_python

LETTERS = "Zażółć gęślą jaźń ☃"


def run_encoded(encoding, *arguments):
    """Runs the toy on a console of an encoding; returns its lines."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    toy = ("-m", "tests.harness.toy", *arguments)
    done = run_python(*toy, env=env, encoding=encoding)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("encoding", "shown", "flag"),
    [
        ("cp1252", "Za?ó?? g??l? ja?? ?", "--keep-memory"),
        ("ascii", "Za???? g??l? ja?? ?", "--no-keep-memory"),
    ],
)
def test_other_letters_are_replaced(tmp_path, encoding, shown, flag):
    directory = tmp_path / "ż"
    arguments = (flag, "--num-updates", 1, "--print", LETTERS, "--run-dir", directory)
    lines = run_encoded(encoding, *arguments)
    assert shown in lines
    assert lines[-1] == f"done: {tmp_path / '?'}"
    keeps = flag == "--keep-memory" and platform.libc_ver()[0] == "glibc"
    assert results_of(directory)["freed_memory_kept"] == keeps


def test_help_is_shown_on_every_console():
    text = " ".join(run_encoded("ascii", "--help"))
    assert "what an evaluation prints, ? for one" in text


def test_text_is_printed_where_nothing_else_is_set_up(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", screen)
    print_text(LETTERS)
    assert screen.buffer.getvalue().decode("cp1252") == "Za?ó?? g??l? ja?? ?\n"

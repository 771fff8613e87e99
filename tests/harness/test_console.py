"""A console that cannot encode a text never ends a training."""

import io
import platform
import sys

import pytest

from experiments.harness.console import print_text
from tests.harness.conftest import results_of, run_encoded

LETTERS = "Zażółć gęślą jaźń ☃"


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
    done = run_encoded(encoding, "-m", "tests.harness.toy", *arguments)
    assert shown in done.stdout.splitlines()
    assert done.stdout.endswith(f"done: {tmp_path / '?'}\n")
    keeps = flag == "--keep-memory" and platform.libc_ver()[0] == "glibc"
    assert results_of(directory)["freed_memory_kept"] == keeps


def test_text_is_printed_where_nothing_else_is_set_up(monkeypatch):
    screen = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", screen)
    print_text(LETTERS)
    assert screen.buffer.getvalue().decode("cp1252") == "Za?ó?? g??l? ja?? ?\n"

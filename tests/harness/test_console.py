"""A console that cannot encode a text never ends a training."""

import os
import platform
import subprocess

import pytest

from tests.harness.conftest import COMMAND, ROOT, results_of

LETTERS = "Zażółć gęślą jaźń ☃"


@pytest.mark.parametrize(
    ("encoding", "shown", "flag"),
    [
        ("cp1252", "Za?ó?? g??l? ja?? ?", "--keep-memory"),
        ("ascii", "Za???? g??l? ja?? ?", "--no-keep-memory"),
    ],
)
def test_other_letters_are_replaced(tmp_path, encoding, shown, flag):
    keeps = flag == "--keep-memory" and platform.libc_ver()[0] == "glibc"
    arguments = (
        flag,
        "--num-updates",
        "1",
        "--print",
        LETTERS,
        "--run-dir",
        tmp_path / "ż",
    )
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode(encoding)
    lines = done.stdout.decode(encoding).splitlines()
    assert shown in lines
    assert results_of(tmp_path / "ż")["freed_memory_kept"] == keeps
    assert lines[-1] == f"done: {tmp_path / '?'}"

"""The recipe of CONTRIBUTING.md: a new cell is its file and a line of the list."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rnnjax.cells
from rnnjax.base import Cell
from tests.test_registry import makers

ROOT = Path(__file__).parent.parent
LIST = "rnnjax/catalogue/cells.py"
LINE = '    entry("JANET", "janet"),\n'


def write_new_cell(folder):
    """Writes a cell under another name, as if copied to begin with."""
    template = (ROOT / "rnnjax/cells/janet.py").read_text(encoding="utf-8")
    (folder / "newcomer.py").write_text(
        template.replace("janet", "newcomer"), encoding="utf-8"
    )


def test_a_cell_that_is_not_listed_is_missed(tmp_path, monkeypatch):
    write_new_cell(tmp_path)
    known = makers(Cell)
    path = [*rnnjax.cells.__path__, str(tmp_path)]
    monkeypatch.setattr(rnnjax.cells, "__path__", path)
    monkeypatch.setitem(sys.modules, "rnnjax.cells.newcomer", None)  # put back after it
    del sys.modules["rnnjax.cells.newcomer"]
    assert [maker.__name__ for maker in makers(Cell) - known] == ["newcomer"]
    del rnnjax.cells.newcomer


@pytest.fixture
def copied(tmp_path):
    """A copy of the library and its contracts, with the new cell in it."""
    for name in ("rnnjax", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    write_new_cell(tmp_path / "rnnjax/cells")
    return tmp_path


def test_a_line_of_the_list_gives_all_contracts(copied):
    path = copied / LIST
    text = path.read_text(encoding="utf-8")
    assert text.count(LINE) == 1
    path.write_text(text.replace(LINE, LINE + LINE.replace("janet", "newcomer")))
    command = "-m pytest -n0 -v tests/contracts tests/test_registry.py"
    chosen = ["-k", "newcomer or every_cell_is_registered"]
    done = subprocess.run(
        [sys.executable, *command.split(), *chosen],
        cwd=copied,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    passed = set(re.findall(r"::(test_\w+)(?:\[newcomer\S*\])? PASSED", done.stdout))
    asked = (
        "every_cell_is_registered marked_batch_equals_loop padding resets chunks "
        "gradients factors step_is_the_public_step marks carry last_axis"
    )
    assert {f"test_{name}" for name in asked.split()} <= passed

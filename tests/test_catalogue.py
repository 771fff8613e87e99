"""The catalogue is whole, and the documents' table is made from it."""

import re
from pathlib import Path

import pytest

from rnnjax import Cell, cell_catalogue
from rnnjax.catalogue import table
from tests.test_registry import makers, names_called

ENTRIES = {entry.name: entry for entry in cell_catalogue()}
PAGE = Path(__file__).parent.parent / "docs" / "cells.md"


def test_every_cell_is_in_it():
    """Wrappers, which take a cell, are of no size of their own."""
    listed = set()
    for entry in ENTRIES.values():
        listed |= names_called(entry.make) | {entry.call.partition("(")[0]}
    assert makers(Cell) - WRAPPERS <= listed


WRAPPERS = {"clip_cotangent", "output_feedback", "learned_initial_carry", "with_carry"}


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_all(name):
    entry = ENTRIES[name]
    assert re.search("[=←]", entry.equations) and "Args" not in entry.equations
    assert re.search(r"\b(18|19|20)\d\d$", entry.paper)
    assert entry.make(4).step is not None
    assert entry.engines == ("scan", "hoisted", "remat")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("simple recurrent network", 5 * (3 + 5 + 1)),
        ("LSTM", 4 * 5 * (3 + 5 + 1)),
        ("GRU, reset before the product", 3 * 5 * (3 + 5 + 1)),
        ("GRU, reset after the product", 3 * 5 * (3 + 5 + 1) + 5),
    ],
)
def test_weights_are_counted(name, number):
    assert ENTRIES[name].num_weights(3, 5) == number


def test_the_page_of_cells_has_the_table():
    """Made by `print(*rnnjax.catalogue.table(), sep="\\n")`."""
    assert "\n".join(table()) in PAGE.read_text(encoding="utf-8")

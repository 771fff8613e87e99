"""The catalogue is whole, and the documents' table is made from it."""

import re
from pathlib import Path

import pytest

from rnnjax import Cell, cell_catalogue
from rnnjax.catalogue import entry, table
from rnnjax.catalogue.docstrings import equations, first_reference
from rnnjax.cells.minimal import min_gru, min_gru_step
from tests.test_registry import makers

ENTRIES = {entry.name: entry for entry in cell_catalogue()}
PAGE = Path(__file__).parent.parent / "docs" / "cells.md"


def test_every_cell_is_in_it():
    """Wrappers, which take a cell, are of no size of their own."""
    listed = {entry.maker for entry in ENTRIES.values()}
    missing = makers(Cell) - listed
    assert all(maker.__module__.startswith(WRAPPERS) for maker in missing), missing


WRAPPERS = "rnnjax.cells.wrappers.", "rnnjax.attention."


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_says_all(name):
    listed = ENTRIES[name]
    assert re.search("[=←]", listed.equations) and "Args" not in listed.equations
    assert re.search(r"\b(18|19|20)\d\d$", listed.paper)
    assert listed.make(listed.test_size).step is not None
    assert listed.engines == ("scan", "hoisted", "remat")


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


def test_step_and_maker_are_found_where_the_entry_says():
    listed = entry("minGRU", "minimal.min_gru")
    assert (listed.maker, listed.step) == (min_gru, min_gru_step)
    assert listed.call == "min_gru(H)"
    with pytest.raises(AttributeError, match="no attribute 'ugrn'"):
        _ = entry("UGRNN", "mgu.ugrn").maker


def step_without_year(params, carry, inputs):
    """Computes.

        hₜ = f(xₜ)
          + 1

    Where f is
    known.

        f = tanh

    Args:
      params: not these.

    References:
      Ada
      and Bob, "Title 12", Press, to appear.
    """


def step_with_years(params, carry, inputs):
    """Computes.

    References:
      Ada, "Title", Press 1990, equation 2000.

      Bob, "Other", 1991.
    """


def test_docstrings_are_read():
    assert equations(step_without_year) == "hₜ = f(xₜ)\n  + 1\nf = tanh"
    assert first_reference(step_without_year) == (
        'Ada and Bob, "Title 12", Press, to appear.'
    )
    assert equations(step_with_years) == ""
    assert first_reference(step_with_years) == 'Ada, "Title", Press 1990'

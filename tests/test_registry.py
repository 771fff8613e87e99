"""The registry is whole: a cell, layer or engine that is added is in it."""

import importlib
import inspect
import pkgutil
import typing
from pathlib import Path

import pytest

import rnnjax
from rnnjax import Cell, Layer, engines
from rnnjax.cells.wrappers.derived import nested_cell, with_side_inputs
from rnnjax.layers.recurrent import as_layer
from rnnjax.models.series import make_encoder
from tests.registry import CELLS, ENGINES, LAYERS

MAKE_NOTHING = {as_layer, make_encoder}  # a layer as it is, a stack of registered ones
SHARED_BY_WRAPPERS = {nested_cell, with_side_inputs}  # reached through these


def public_functions():
    """Yields all public functions of rnnjax."""
    for info in pkgutil.walk_packages(rnnjax.__path__, "rnnjax."):
        module = importlib.import_module(info.name)
        for name, function in vars(module).items():
            here = getattr(function, "__module__", None) == info.name
            if here and inspect.isfunction(function) and not name.startswith("_"):
                yield function


def makers(kind):
    """Returns the public makers of a kind, by their annotations.

    What takes an `init` builds from functions what every maker returns: it is reached
    through them.
    """
    found = set()
    for function in public_functions():
        hints = typing.get_type_hints(function)
        if hints.get("return") is kind and "init" not in hints:
            found.add(function)
    return found


def test_makers_are_found():
    assert {rnnjax.elman, rnnjax.lstm, rnnjax.gru} <= makers(Cell)
    assert {rnnjax.recurrent, rnnjax.stack, rnnjax.dense} <= makers(Layer)


def test_every_cell_is_registered():
    """A line in `rnnjax/catalogue/cells.py` does it; for a wrapper, one in CELLS."""
    assert makers(Cell) - SHARED_BY_WRAPPERS - {case.of for case in CELLS} == set()


def test_every_layer_is_registered():
    assert makers(Layer) - MAKE_NOTHING - {case.of for case in LAYERS} == set()


def test_every_engine_is_listed():
    folder = Path(engines.__path__[0])
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    listed = {engine.__module__ for engine in engines.ENGINES}
    assert {f"rnnjax.engines.{name}" for name in modules} == listed


@pytest.mark.parametrize("entries", [CELLS, ENGINES, LAYERS])
def test_names_differ(entries):
    names = [entry.name for entry in entries]
    assert len(names) == len(set(names))


def test_an_entry_is_a_case_of_its_own():
    """What the catalogue lists is tested, not only another form of the same maker."""
    names = {case.name for case in CELLS}
    assert {"lstm_variant_gates_io", "lstm_variant_peepholes_ifo"} <= names
    assert len(CELLS) > len(rnnjax.cell_catalogue())

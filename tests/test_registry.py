"""The registry is whole: a cell, layer or engine that is added is in it."""

import importlib
import inspect
import pkgutil
import typing
from pathlib import Path

import pytest

import rnnjax
from rnnjax import Cell, Layer
from rnnjax import engines as engines_package
from tests.registry import CELLS, ENGINES, LAYERS

GIVEN_BACK = {"as_layer"}  # makes nothing: a layer comes back as it is


def public_functions():
    """Yields all public functions of rnnjax, each with its module."""
    for info in pkgutil.walk_packages(rnnjax.__path__, "rnnjax."):
        module = importlib.import_module(info.name)
        for name, function in vars(module).items():
            here = getattr(function, "__module__", None) == info.name
            if here and inspect.isfunction(function) and not name.startswith("_"):
                yield name, function


def makers(kind):
    """Returns the public makers of a kind, by their annotations.

    What takes an `init` builds from functions what every maker returns: it is reached
    through them.
    """
    found = set()
    for name, function in public_functions():
        hints = typing.get_type_hints(function)
        if hints.get("return") is kind and "init" not in hints:
            found.add(name)
    return found


def names_called(make):
    """Returns the names that an entry's function calls, its inner ones included."""
    codes, names = [make.__code__], set()
    while codes:
        code = codes.pop()
        names.update(code.co_names)
        codes.extend(const for const in code.co_consts if inspect.iscode(const))
    return names


def test_makers_are_found():
    assert {"elman", "lstm", "gru"} <= makers(Cell)
    assert {"recurrent", "stack", "dense"} <= makers(Layer)


def test_every_cell_is_registered():
    registered = set().union(*[names_called(entry.make) for entry in CELLS])
    assert makers(Cell) <= registered


def test_every_layer_is_registered():
    registered = set().union(*[names_called(entry.make) for entry in LAYERS])
    assert makers(Layer) - GIVEN_BACK <= registered


def test_every_engine_is_registered():
    files = Path(engines_package.__path__[0]).glob("*.py")
    modules = {f"rnnjax.engines.{path.stem}" for path in files} - {
        "rnnjax.engines.__init__"
    }
    assert modules == {entry.engine.__module__ for entry in ENGINES}


@pytest.mark.parametrize("entries", [CELLS, ENGINES, LAYERS])
def test_names_differ(entries):
    names = [entry.name for entry in entries]
    assert len(names) == len(set(names))

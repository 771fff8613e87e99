"""Makes one test of every cell, engine and layer that a contract asks for."""

from pathlib import Path

import pytest

from rnnjax import hoisted, scan
from tests.cases import draw_tree, draw_vectors
from tests.registry import CELLS, ENGINES, LAYERS


def of_library(case):
    """Whether the cell is the library's own, of vectors."""
    own = case.cell.init.__module__.startswith("rnnjax.")
    return own and case.draw is draw_vectors


REGISTERED = {
    "case": CELLS,
    "smooth_case": [case for case in CELLS if not case.rounded],
    "reverse_only_case": [case for case in CELLS if not case.forward_mode],
    "library_case": [case for case in CELLS if of_library(case)],
    "tree_case": [case for case in CELLS if case.draw is draw_tree],
    "engine_case": ENGINES,
    "layer_case": LAYERS,
    "causal_case": [case for case in LAYERS if case.make(scan).step is not None],
}


# of a case that does not meet every engine, what the ordinary run asks
ORDINARY = {"test_engines", "test_padding", "test_resets", "test_errors", "test_layers"}


def is_long(item):
    """Whether a test of a case that does not meet every engine can wait."""
    params = item.callspec.params if hasattr(item, "callspec") else {}
    cases = [value for name, value in params.items() if name.endswith("case")]
    engine_case = params.get("engine_case")
    ordinary = item.module.__name__.split(".")[-1] in ORDINARY
    if all(getattr(case, "every_engine", True) for case in cases):
        return False
    return not ordinary or engine_case not in (None, HOISTED)


HOISTED = next(case for case in ENGINES if case.engine is hoisted)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks long forms before pytest leaves out what is marked."""
    for item in items:
        if item.path.parent == Path(__file__).parent and is_long(item):
            item.add_marker(pytest.mark.slow)


def pytest_generate_tests(metafunc):
    for name, entries in REGISTERED.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, entries, ids=[entry.name for entry in entries])


@pytest.fixture(autouse=True)
def _float64(x64):
    """Contracts are compared in float64 unless they are about another dtype."""

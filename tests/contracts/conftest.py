"""Makes one test of every cell, engine and layer that a contract asks for."""

import pytest

from rnnjax import scan
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


def pytest_generate_tests(metafunc):
    for name, entries in REGISTERED.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, entries, ids=[entry.name for entry in entries])


@pytest.fixture(autouse=True)
def _float64(x64):
    """Contracts are compared in float64 unless they are about another dtype."""

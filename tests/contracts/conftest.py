"""Makes one test of every cell, engine and layer that a contract asks for."""

import pytest

from tests.registry import CELLS, ENGINES, LAYERS

REGISTERED = {"case": CELLS, "engine_case": ENGINES, "layer_case": LAYERS}


def pytest_generate_tests(metafunc):
    for name, entries in REGISTERED.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, entries, ids=[entry.name for entry in entries])


@pytest.fixture(autouse=True)
def _float64(x64):
    """Contracts are compared in float64 unless they are about another dtype."""

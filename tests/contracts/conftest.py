"""Contracts are compared in float64 unless they are about another dtype."""

import pytest


@pytest.fixture(autouse=True)
def _float64(x64):
    pass

"""Attention is compared in float64 unless a test is about another dtype."""

import pytest


@pytest.fixture(autouse=True)
def _float64(x64):
    pass

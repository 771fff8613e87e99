"""JANET against its equations."""

import numpy as np

from rnnjax.cells.janet import janet
from tests.cells.paper import by_gate, equals_paper, pre_activation, sigmoid


@equals_paper(janet, {"beta": 1.0}, {"beta": -0.5})
def test_equals_paper(params, h, x, beta):
    pre = by_gate(pre_activation(params, x, h), "fg")
    kept, added = sigmoid(pre["f"]), 1 - sigmoid(pre["f"] - beta)
    return kept * h + added * np.tanh(pre["g"])

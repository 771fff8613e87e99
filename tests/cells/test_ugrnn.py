"""The update gate network against its paper."""

import numpy as np

from rnnjax.cells.ugrnn import ugrnn
from tests.cells.paper import by_gate, equals_paper, pre_activation, sigmoid


@equals_paper(ugrnn)
def test_equals_paper(p, h, x):
    pre = by_gate(pre_activation(p, x, h), "gn")
    g = sigmoid(pre["g"])
    return g * h + (1 - g) * np.tanh(pre["n"])

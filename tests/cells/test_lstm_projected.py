"""The LSTM with a projection against its equations."""

import functools

import numpy as np

from rnnjax.cells.lstm_projected import lstm_projected
from tests.cells.paper import by_gate, equals_paper, pre_activation, sigmoid


@equals_paper(functools.partial(lstm_projected, projection_size=4))
def test_equals_paper(params, r, c, x):
    """Sak et al. 2014: what recurs and is shown is r, a projection of m."""
    pre = by_gate(pre_activation(params, x, r), "ifgo")
    c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["g"])
    m = sigmoid(pre["o"]) * np.tanh(c)
    return m @ params["projection_kernel"], c

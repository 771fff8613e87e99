"""The multiplicative LSTM against its equations."""

import numpy as np

from rnnjax.cells.lstm_multiplicative import lstm_multiplicative
from tests.cells.paper import by_gate, equals_paper, pre_activation, sigmoid


@equals_paper(lstm_multiplicative)
def test_equals_paper(params, h, c, x):
    """Krause et al. 2017: m in place of h in every gate."""
    m = x @ params["factor_kernel"] * (h @ params["recurrent_factor_kernel"])
    pre = by_gate(pre_activation(params, x, m), "ifgo")
    c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["g"])
    return sigmoid(pre["o"]) * np.tanh(c), c

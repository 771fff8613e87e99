"""The LSTM with layer normalization against its paper."""

import numpy as np

from rnnjax.cells.lstm_layer_norm import lstm_layer_norm
from tests.cells.paper import by_gate, equals_paper, layer_norm, sigmoid


@equals_paper(lstm_layer_norm, {"epsilon": 1e-5}, {"epsilon": 0.1})
def test_equals_paper(params, h, c, x, epsilon):
    """Ba et al. 2016, equations 20 to 22."""
    wh, ux = h @ params["recurrent_kernel"], x @ params["kernel"]
    pre = layer_norm(wh, params["recurrent_scale"], epsilon)
    pre = pre + layer_norm(ux, params["kernel_scale"], epsilon)
    pre = by_gate(pre + params["bias"], "ifgo")
    c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["g"])
    shown = layer_norm(c, params["cell_scale"], epsilon) + params["cell_bias"]
    return sigmoid(pre["o"]) * np.tanh(shown), c

"""The LSTM with full gate recurrence against its equations."""

import numpy as np

from rnnjax.cells.lstm_full_gate import lstm_full_gate
from tests.cells.paper import by_gate, equals_paper, pre_activation, sigmoid


@equals_paper(lstm_full_gate, {"use_peepholes": True}, {"use_peepholes": False})
def test_equals_paper(params, h, c, gates, x, use_peepholes):
    """Greff et al. 2017: nine matrices more, of each gate from each gate."""
    p = {name: params[f"peephole_{name}"] if use_peepholes else 0 for name in "ifo"}
    pre = by_gate(pre_activation(params, x, h), "ifgo")
    seen = zip(np.split(gates, 3, axis=-1), np.split(params["gate_kernel"], 3))
    for gate, rows in seen:
        for name, matrix in by_gate(rows, "ifo").items():
            pre[name] = pre[name] + gate @ matrix
    i, f = (sigmoid(pre[name] + p[name] * c) for name in "if")
    c = f * c + i * np.tanh(pre["g"])
    o = sigmoid(pre["o"] + p["o"] * c)
    return o * np.tanh(c), c, np.concatenate([i, f, o], axis=-1)

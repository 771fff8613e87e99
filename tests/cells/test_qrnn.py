"""The quasi-recurrent network against its paper."""

import numpy as np

from rnnjax.cells.qrnn import qrnn
from tests.cells.paper import B, D, by_gate, equals_paper, sigmoid

PARTS = {"f": "zf", "fo": "zfo", "ifo": "zfio"}


@equals_paper(
    qrnn,
    {"window": 3, "pooling": "fo"},
    {"window": 1, "pooling": "f"},
    {"window": 2, "pooling": "ifo"},
)
def test_equals_paper(params, c, *others_and_x, window, pooling):
    """Its carry is c, h if there is an output gate, and the inputs of the window."""
    *others, x = others_and_x
    held = others[-1] if window > 1 else np.zeros((B, 0))
    pre = x @ params["kernel"] + params["bias"]
    pre = pre + held @ params["window_kernel"] if window > 1 else pre
    gate = by_gate(pre, PARTS[pooling])
    z, f = np.tanh(gate["z"]), sigmoid(gate["f"])
    c = f * c + (sigmoid(gate["i"]) if "i" in gate else 1 - f) * z
    shown = sigmoid(gate["o"]) * c if "o" in gate else c
    held = np.concatenate([x, held[:, :-D]], -1)
    new = (c, *([shown] if "o" in gate else []), *([held] if window > 1 else []))
    return new, shown

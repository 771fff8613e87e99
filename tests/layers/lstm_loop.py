"""An LSTM in NumPy, with what layers drop or keep in it."""

import numpy as np

from rnnjax.cells.lstm import LSTMCarry
from tests.cells.paper import B, H, T, by_gate, sigmoid


def lstm_loop(params, inputs, candidate_scale=(1,) * T, h_scale=1, kept=(0, 0)):
    """Runs an LSTM.

    Args:
      params: of `lstm`.
      inputs: `[T, B, D]`.
      candidate_scale: `[T, ...]`, by which each candidate is multiplied.
      h_scale: by which the h that the products read is multiplied.
      kept: how much of the last h and c is kept at every step.
    """
    names = "kernel", "recurrent_kernel", "bias"
    U, W, b = (by_gate(params[name], "ifgo") for name in names)
    h, c, outputs = np.zeros((B, H)), np.zeros((B, H)), []
    for x, d in zip(inputs, candidate_scale, strict=True):
        i, f, g, o = (x @ U[n] + (h_scale * h) @ W[n] + b[n] for n in "ifgo")
        new_c = sigmoid(f) * c + sigmoid(i) * d * np.tanh(g)
        h = kept[0] * h + (1 - kept[0]) * sigmoid(o) * np.tanh(new_c)
        c = kept[1] * c + (1 - kept[1]) * new_c
        outputs.append(h)
    return LSTMCarry(h, c), np.stack(outputs)

"""The simple recurrent network against Elman's equation, and as a linear system."""

import numpy as np

from rnnjax import elman
from rnnjax.unroll import unroll
from tests.cells.paper import IN_NUMPY, H, T, draw, equals_paper
from tests.pytrees import assert_close


@equals_paper(elman, *({"activation": name} for name in ("tanh", "relu", "sigmoid")))
def test_equals_paper(params, h, x, activation):
    """h_t = f(U x_t + W h_{t-1} + b), one unit at a time."""
    units = []
    for j in range(H):
        total = x @ params["kernel"][:, j] + h @ params["recurrent_kernel"][:, j]
        units.append(IN_NUMPY[activation](total + params["bias"][j]))
    return np.stack(units, axis=-1)


def test_linear_network_sums_powers(x64):
    """Without a nonlinearity the last carry is the sum of W^(T-1-t) U x_t."""
    cell = elman(H, activation=lambda x: x, use_bias=False)
    params, inputs = draw(cell)
    U, W = params["kernel"], params["recurrent_kernel"]
    want = sum(
        x @ U @ np.linalg.matrix_power(W, T - 1 - t) for t, x in enumerate(inputs)
    )
    assert_close(unroll(cell, params, inputs)[0], want, 1e-12)

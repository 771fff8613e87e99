"""The simple recurrent network against Elman's equation, and its reductions."""

import jax
import numpy as np
import pytest

from rnnjax import elman
from rnnjax.unroll import unroll
from tests.cells.paper import H, T, check_against_paper, draw, over_time, sigmoid
from tests.pytrees import assert_close

ACTIVATIONS = {
    "tanh": (np.tanh, {}),
    "relu": (lambda x: np.maximum(x, 0), {"activation": jax.nn.relu}),
    "logistic": (sigmoid, {"activation": jax.nn.sigmoid}),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, name, use_bias):
    """h_t = f(U x_t + W h_{t-1} + b), one unit at a time."""
    f, options = ACTIVATIONS[name]

    def step(params, h, x):
        units = []
        for j in range(H):
            total = x @ params["kernel"][:, j]
            total = total + h @ params["recurrent_kernel"][:, j]
            units.append(f(total + params["bias"][j] if use_bias else total))
        return np.stack(units, axis=-1)

    check_against_paper(elman(H, use_bias=use_bias, **options), over_time(step))


def test_linear_network_sums_powers(x64):
    """Without a nonlinearity the last carry is the sum of W^(T-1-t) U x_t."""
    cell = elman(H, activation=lambda x: x, use_bias=False)
    params, inputs = draw(cell)
    U, W = params["kernel"], params["recurrent_kernel"]
    want = sum(
        x @ U @ np.linalg.matrix_power(W, T - 1 - t) for t, x in enumerate(inputs)
    )
    assert_close(unroll(cell, params, inputs)[0], want, 1e-12)

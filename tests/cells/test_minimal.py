"""minGRU and minLSTM against their paper, and what their linearity implies."""

import numpy as np
import pytest

from rnnjax.cells.minimal import min_gru, min_lstm
from rnnjax.unroll import unroll
from tests.cells.paper import D, H, T, affine, check_step_of_paper, draw, sigmoid
from tests.pytrees import assert_close


def min_gru_of_paper(p, h, x):
    ux = affine(p, x, "zn")
    z = sigmoid(ux["z"])
    return (1 - z) * h + z * ux["n"]


def min_lstm_of_paper(p, h, x):
    ux = affine(p, x, "fin")
    f, i = sigmoid(ux["f"]), sigmoid(ux["i"])
    return f / (f + i) * h + i / (f + i) * ux["n"]


@pytest.mark.parametrize(
    ("make", "step"), [(min_gru, min_gru_of_paper), (min_lstm, min_lstm_of_paper)]
)
def test_equals_paper(x64, make, step):
    check_step_of_paper(make(H), step)


def test_min_gru_is_a_weighted_sum_of_candidates(x64):
    """h_T = Σ_t (Π_{s > t} (1 - z_s)) z_t n_t."""
    params, inputs = draw(min_gru(H), 2, scale=1.0)
    ux = affine(params, inputs, "zn")
    z = sigmoid(ux["z"])
    left = np.stack([(1 - z)[t + 1 :].prod(0) for t in range(T)])
    last, _ = unroll(min_gru(H), params, inputs)
    assert_close(last, (left * z * ux["n"]).sum(0), 1e-13)


def test_min_lstm_stays_finite_with_both_gates_closed():
    params = {
        "kernel": np.zeros((D, 3 * H), np.float32),
        "bias": np.repeat(np.float32([-200, -200, 1]), H),
    }
    _, outputs = unroll(min_lstm(H), params, np.ones((2, D), np.float32))
    np.testing.assert_allclose(outputs, np.repeat([[0.5], [0.75]], H, 1), rtol=1e-6)


def test_min_lstm_with_equal_gates_is_half_of_each(x64):
    cell = min_lstm(H, use_bias=False)
    params, inputs = draw(cell, 3, scale=1.0)
    forget, keep, new = np.split(params["kernel"], 3, axis=1)
    keep[:] = forget
    last, _ = unroll(cell, params, inputs)
    want = np.einsum("t,tbh->bh", 0.5 ** np.arange(T, 0, -1), inputs @ new)
    assert_close(last, want, 1e-13)

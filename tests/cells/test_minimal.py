"""minGRU and minLSTM against their paper, and what their linearity implies."""

import numpy as np
import pytest

from rnnjax.cells.minimal import min_gru, min_lstm
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    D,
    H,
    T,
    affine,
    check_against_paper,
    over_time,
    sigmoid,
)
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
    check_against_paper(make(H), over_time(step))


def test_min_gru_is_a_weighted_sum_of_candidates(x64):
    """h_T = Σ_t (Π_{s > t} (1 - z_s)) z_t n_t."""
    rng = np.random.default_rng(2)
    params = {"kernel": rng.normal(size=(D, 2 * H)), "bias": rng.normal(size=2 * H)}
    inputs = rng.normal(size=(T, B, D))
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
    rng = np.random.default_rng(3)
    kernel = rng.normal(size=(D, 3 * H))
    kernel[:, H : 2 * H] = kernel[:, :H]
    inputs = rng.normal(size=(T, B, D))
    last, _ = unroll(min_lstm(H, use_bias=False), {"kernel": kernel}, inputs)
    weights = 0.5 ** np.arange(T, 0, -1)
    want = np.einsum("t,tbh->bh", weights, inputs @ kernel[:, 2 * H :])
    assert_close(last, want, 1e-13)

"""The multiplicative LSTM against its equations, and its reduction."""

import numpy as np

from rnnjax import lstm
from rnnjax.cells.lstm_multiplicative import lstm_multiplicative
from rnnjax.unroll import unroll
from tests.cells.paper import H, by_gate, draw, equals_paper, pre_activation, sigmoid
from tests.pytrees import assert_close


@equals_paper(lstm_multiplicative, {}, {"use_bias": False})
def test_equals_paper(params, h, c, x):
    """Krause et al. 2017: m in place of h in every gate."""
    m = x @ params["factor_kernel"] * (h @ params["recurrent_factor_kernel"])
    pre = by_gate(pre_activation(params, x, m), "ifgo")
    c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["g"])
    return sigmoid(pre["o"]) * np.tanh(c), c


def test_a_factor_of_one_is_the_lstm(x64):
    """With Uₘ x = 1, which a constant input gives, m is h times a matrix."""
    params, inputs = draw(lstm_multiplicative(H), scale=0.4)
    inputs[..., 0] = 1
    params["factor_kernel"] = np.stack([np.ones(H), np.zeros(H)])
    plain = {name: params[name] for name in ("kernel", "bias")}
    factors = params["recurrent_factor_kernel"], params["recurrent_kernel"]
    plain["recurrent_kernel"] = np.matmul(*factors)
    got = unroll(lstm_multiplicative(H), params, inputs)
    assert_close(got, unroll(lstm(H), plain, inputs), 1e-12)

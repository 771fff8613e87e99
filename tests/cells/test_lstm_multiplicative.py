"""The multiplicative LSTM against its equations, and its reduction."""

import functools

import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_multiplicative import (
    lstm_multiplicative,
)
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    D,
    H,
    T,
    by_gate,
    check_against_paper,
    draw_params,
    sigmoid,
)
from tests.pytrees import assert_close


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, use_bias):
    """Krause et al. 2017: m in place of h in every gate."""

    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], "ifgo")
        W = by_gate(params["recurrent_kernel"], "ifgo")
        b = by_gate(params["bias"], "ifgo") if use_bias else dict.fromkeys("ifgo", 0)
        (h, c), outputs = carry, []
        for x in inputs:
            m = x @ params["factor_kernel"] * (h @ params["recurrent_factor_kernel"])
            i = sigmoid(x @ U["i"] + m @ W["i"] + b["i"])
            f = sigmoid(x @ U["f"] + m @ W["f"] + b["f"])
            c = f * c + i * np.tanh(x @ U["g"] + m @ W["g"] + b["g"])
            h = sigmoid(x @ U["o"] + m @ W["o"] + b["o"]) * np.tanh(c)
            outputs.append(h)
        return (h, c), np.stack(outputs)

    check_against_paper(lstm_multiplicative(H, use_bias=use_bias), from_paper)


draw = functools.partial(draw_params, dtype=np.float32, scale=0.4)


def test_a_factor_of_one_is_the_lstm():
    """With Uₘ x = 1, which a constant input gives, m is h times a matrix."""
    rng = np.random.default_rng(0)
    params = draw(rng, lstm_multiplicative(H))
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    inputs[..., 0] = 1
    params["factor_kernel"] = np.stack([np.ones(H), np.zeros(H)]).astype(np.float32)
    plain = {name: params[name] for name in ("kernel", "bias")}
    factors = params["recurrent_factor_kernel"], params["recurrent_kernel"]
    plain["recurrent_kernel"] = np.matmul(*factors)
    got = unroll(lstm_multiplicative(H), params, inputs)
    assert_close(got, unroll(lstm(H), plain, inputs), 2e-6)

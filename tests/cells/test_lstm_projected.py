"""The LSTM with a projection against its equations, and its reduction."""

import functools

import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_projected import lstm_projected
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

P = 4


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, use_bias):
    """Sak et al. 2014: what recurs and is shown is r, a projection of m."""

    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], "ifgo")
        W = by_gate(params["recurrent_kernel"], "ifgo")
        b = by_gate(params["bias"], "ifgo") if use_bias else dict.fromkeys("ifgo", 0)
        (r, c), outputs = carry, []
        for x in inputs:
            i = sigmoid(x @ U["i"] + r @ W["i"] + b["i"])
            f = sigmoid(x @ U["f"] + r @ W["f"] + b["f"])
            c = f * c + i * np.tanh(x @ U["g"] + r @ W["g"] + b["g"])
            o = sigmoid(x @ U["o"] + r @ W["o"] + b["o"])
            m = o * np.tanh(c)
            r = m @ params["projection_kernel"]
            outputs.append(r)
        return (r, c), np.stack(outputs)

    check_against_paper(lstm_projected(H, P, use_bias=use_bias), from_paper)


draw = functools.partial(draw_params, dtype=np.float32, scale=0.4)


def test_the_identity_for_a_projection_is_the_lstm():
    rng = np.random.default_rng(0)
    params = draw(rng, lstm(H))
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    projected = params | {"projection_kernel": np.eye(H, dtype=np.float32)}
    got = unroll(lstm_projected(H, H), projected, inputs)
    assert_close(got, unroll(lstm(H), params, inputs), 1e-6)


def test_bad_sizes():
    message = "projection_size must be a positive whole number, got 0"
    with pytest.raises(ValueError, match=message):
        lstm_projected(H, 0)


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_pytorch(use_bias):
    import torch

    rng = np.random.default_rng(2)
    params = draw(rng, lstm_projected(H, P, use_bias=use_bias))
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    theirs = torch.nn.LSTM(D, H, proj_size=P, bias=use_bias)
    weights = {
        "weight_ih_l0": params["kernel"].T,
        "weight_hh_l0": params["recurrent_kernel"].T,
        "weight_hr_l0": params["projection_kernel"].T,
    }
    if use_bias:
        weights["bias_ih_l0"] = params["bias"]
        weights["bias_hh_l0"] = np.zeros_like(params["bias"])
    weights = {name: torch.tensor(np.array(x)) for name, x in weights.items()}
    theirs.load_state_dict(weights)
    with torch.no_grad():
        want, (h, c) = theirs(torch.tensor(inputs))
    carry, got = unroll(lstm_projected(H, P, use_bias=use_bias), params, inputs)
    leaves = [want.numpy(), h.numpy()[0], c.numpy()[0]]
    assert_close([got, carry.h, carry.c], leaves, 1e-6)

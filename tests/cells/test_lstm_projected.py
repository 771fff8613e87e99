"""The LSTM with a projection against its equations, and its reduction."""

import jax
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import D, H, by_gate, draw, pre_activation, sigmoid
from tests.pytrees import assert_close

P = 4


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, use_bias):
    """Sak et al. 2014: what recurs and is shown is r, a projection of m."""

    def step(params, r, c, x):
        pre = by_gate(pre_activation(params, x, r), "ifgo")
        c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["g"])
        m = sigmoid(pre["o"]) * np.tanh(c)
        return m @ params["projection_kernel"], c

    cell = lstm_projected(H, P, use_bias=use_bias)
    paper.check_against_paper(cell, paper.over_time(step))


def test_the_identity_for_a_projection_is_the_lstm(x64):
    params, inputs = draw(lstm(H), scale=0.4)
    projected = params | {"projection_kernel": np.eye(H)}
    got = unroll(lstm_projected(H, H), projected, inputs)
    assert_close(got, unroll(lstm(H), params, inputs), 1e-12)


@pytest.mark.conformance
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_pytorch(use_bias):
    import torch

    cell = lstm_projected(H, P, use_bias=use_bias)
    params, inputs = jax.tree.map(np.float32, draw(cell, 2, scale=0.4))
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
    carry, got = unroll(cell, params, inputs)
    leaves = [want.numpy(), h.numpy()[0], c.numpy()[0]]
    assert_close([got, carry.h, carry.c], leaves, 1e-6)

"""The LSTM with layer normalization against its paper, and what it does not see."""

import numpy as np
import pytest

from rnnjax.cells.lstm_layer_norm import lstm_layer_norm
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import B, H, T, by_gate, draw, layer_norm, sigmoid
from tests.pytrees import assert_close


@pytest.mark.parametrize(("use_bias", "epsilon"), [(True, 1e-5), (False, 0.1)])
def test_equals_paper(x64, use_bias, epsilon):
    """Ba et al. 2016, equations 20 to 22."""

    def step(params, h, c, x):
        pre = layer_norm(
            h @ params["recurrent_kernel"], params["recurrent_scale"], epsilon
        )
        pre = pre + layer_norm(x @ params["kernel"], params["kernel_scale"], epsilon)
        pre = by_gate(pre + params["bias"] if use_bias else pre, "ifgo")
        c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["g"])
        shown = layer_norm(c, params["cell_scale"], epsilon)
        shown = shown + params["cell_bias"] if use_bias else shown
        return sigmoid(pre["o"]) * np.tanh(shown), c

    cell = lstm_layer_norm(H, use_bias=use_bias, epsilon=epsilon)
    paper.check_against_paper(cell, paper.over_time(step))


def test_scaled_weights_change_nothing(x64):
    """Either matrix may grow by itself: their products are normalized apart."""
    cell = lstm_layer_norm(H, epsilon=1e-12)
    params, inputs = draw(cell, scale=1.0)
    carry = cell.initial_carry(params, (B,))
    carry = carry._replace(h=carry.h + 1)
    scaled = params | {"kernel": 3 * params["kernel"]}
    scaled["recurrent_kernel"] = 0.2 * params["recurrent_kernel"]
    got, want = (unroll(cell, own, inputs, carry=carry) for own in (scaled, params))
    assert_close(got, want, 1e-9)


def test_gains_of_zero_leave_the_biases(x64):
    cell = lstm_layer_norm(H)
    params, inputs = draw(cell, 1, scale=1.0)
    still = {n: 0 * x if n.endswith("_scale") else x for n, x in params.items()}
    carry, outputs = unroll(cell, still, inputs)
    b = by_gate(params["bias"], "ifgo")
    i, f, o = (sigmoid(b[name]) for name in "ifo")
    c = i * np.tanh(b["g"]) * (1 - f**T) / (1 - f)
    assert_close(carry.c, np.broadcast_to(c, (B, H)), 1e-12)
    shown = np.broadcast_to(o * np.tanh(params["cell_bias"]), (T, B, H))
    assert_close(outputs, shown, 1e-12)

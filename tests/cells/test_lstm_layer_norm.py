"""The LSTM with layer normalization against its paper, and what it does not see."""

import numpy as np

from rnnjax.cells.lstm_layer_norm import lstm_layer_norm
from rnnjax.unroll import unroll
from tests.cells.paper import B, H, by_gate, draw, equals_paper, layer_norm, sigmoid
from tests.pytrees import assert_close


@equals_paper(lstm_layer_norm, {"epsilon": 1e-5}, {"epsilon": 0.1, "use_bias": False})
def test_equals_paper(params, h, c, x, epsilon):
    """Ba et al. 2016, equations 20 to 22."""
    wh, ux = h @ params["recurrent_kernel"], x @ params["kernel"]
    pre = layer_norm(wh, params["recurrent_scale"], epsilon)
    pre = pre + layer_norm(ux, params["kernel_scale"], epsilon)
    pre = by_gate(pre + params.get("bias", 0), "ifgo")
    c = sigmoid(pre["f"]) * c + sigmoid(pre["i"]) * np.tanh(pre["g"])
    shown = layer_norm(c, params["cell_scale"], epsilon) + params.get("cell_bias", 0)
    return sigmoid(pre["o"]) * np.tanh(shown), c


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

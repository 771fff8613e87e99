"""The GRU with layer normalization against its paper, and what it does not see."""

import numpy as np

from rnnjax.cells.gru_layer_norm import gru_layer_norm
from rnnjax.unroll import unroll
from tests.cells.paper import H, draw, equals_paper, layer_norm, sigmoid
from tests.pytrees import assert_close


@equals_paper(gru_layer_norm)
def test_equals_paper(p, h, x):
    """Ba et al. 2016, equations 26 to 28."""
    a, b, c = 2 * H, p["kernel_scale"], p["recurrent_scale"]
    ux, wh = x @ p["kernel"], h @ p["recurrent_kernel"]
    rz = layer_norm(ux[:, :a], b[:a]) + layer_norm(wh[:, :a], c[:a])
    r, z = np.split(sigmoid(rz + p["bias"][:a]), 2, -1)
    candidate = layer_norm(wh[:, a:], c[a:]) + p["candidate_bias"]
    n = layer_norm(ux[:, a:], b[a:]) + p["bias"][a:] + r * candidate
    return (1 - z) * np.tanh(n) + z * h


def test_the_scale_of_the_inputs_does_not_matter(x64):
    """Up to the effect of ε."""
    cell = gru_layer_norm(H, epsilon=1e-12)
    params, inputs = draw(cell, 5, scale=1.0)
    _, want = unroll(cell, params, inputs)
    assert_close(unroll(cell, params, 100 * inputs)[1], want, 1e-8)

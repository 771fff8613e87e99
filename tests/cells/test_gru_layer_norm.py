"""The GRU with layer normalization against its paper."""

import functools

import numpy as np

from rnnjax.cells.gru_layer_norm import gru_layer_norm
from tests.cells.paper import H, equals_paper, layer_norm, sigmoid


@equals_paper(gru_layer_norm, {"epsilon": 1e-5}, {"epsilon": 0.1})
def test_equals_paper(p, h, x, epsilon):
    """Ba et al. 2016, equations 26 to 28."""
    norm = functools.partial(layer_norm, epsilon=epsilon)
    a, b, c = 2 * H, p["kernel_scale"], p["recurrent_scale"]
    ux, wh = x @ p["kernel"], h @ p["recurrent_kernel"]
    rz = norm(ux[:, :a], b[:a]) + norm(wh[:, :a], c[:a])
    r, z = np.split(sigmoid(rz + p["bias"][:a]), 2, -1)
    candidate = norm(wh[:, a:], c[a:]) + p["candidate_bias"]
    n = norm(ux[:, a:], b[a:]) + p["bias"][a:] + r * candidate
    return (1 - z) * np.tanh(n) + z * h

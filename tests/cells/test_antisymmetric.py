"""The antisymmetric network against its paper, and what its matrix is for."""

import numpy as np

from rnnjax.cells.antisymmetric import antisymmetric_rnn
from tests.cells.paper import H, draw, equals_paper, sigmoid
from tests.loop import in_numpy


def matrix_in_numpy(weights, gamma):
    """W - W' - gamma I, where W is nothing but its strictly upper triangle."""
    W = np.zeros((H, H))
    for i in range(H):
        row, weights = weights[: H - 1 - i], weights[H - 1 - i :]
        W[i, i + 1 :] = row
    return W - W.T - gamma * np.eye(H)


@equals_paper(
    antisymmetric_rnn,
    {"step_size": 1.0, "gamma": 0.0},
    {"step_size": 0.3, "gamma": 0.7},
    {"step_size": 0.4, "gamma": 0.2, "gated": True},
)
def test_equals_paper(params, h, x, step_size, gamma, gated=False):
    """Chang et al. 2019, equation 12, and with a gate equations 13 and 14."""
    A = matrix_in_numpy(params["recurrent_weights"], gamma)
    pre = x @ params["kernel"] + params["bias"]
    if not gated:
        return h + step_size * np.tanh(h @ A.T + pre)
    pre_z, pre_h = np.split(pre, 2, axis=1)
    return h + step_size * sigmoid(h @ A.T + pre_z) * np.tanh(h @ A.T + pre_h)


def test_eigenvalues_lie_on_a_vertical_line(x64):
    """Their real parts are all -gamma: stable, and nothing is lost."""
    cell = antisymmetric_rnn(H, gamma=0.3)
    params, _ = draw(cell, scale=1.0)
    eigenvalues = np.linalg.eigvals(in_numpy(cell.prepare)(params)["recurrent_kernel"])
    np.testing.assert_allclose(eigenvalues.real, -0.3, atol=1e-14)
    assert np.abs(eigenvalues.imag).max() > 1

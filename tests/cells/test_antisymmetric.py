"""The antisymmetric network against its paper, and what its matrix is for."""

import jax
import numpy as np
import pytest

from rnnjax.cells.antisymmetric import (
    antisymmetric_rnn,
)
from tests.cells.paper import D, H, check_against_paper, over_time, sigmoid


def matrix_in_numpy(weights, gamma):
    """W - W' - gamma I, where W is nothing but its strictly upper triangle."""
    W = np.zeros((H, H))
    for i in range(H):
        row, weights = weights[: H - 1 - i], weights[H - 1 - i :]
        W[i, i + 1 :] = row
    return W - W.T - gamma * np.eye(H)


@pytest.mark.parametrize(
    ("epsilon", "gamma", "use_bias"), [(1.0, 0.0, False), (0.3, 0.7, True)]
)
def test_equals_paper(x64, epsilon, gamma, use_bias):
    """Chang et al. 2019, equation 12."""

    def step(params, h, x):
        A = matrix_in_numpy(params["recurrent_weights"], gamma)
        b = params["bias"] if use_bias else 0
        return h + epsilon * np.tanh(h @ A.T + x @ params["kernel"] + b)

    cell = antisymmetric_rnn(H, step_size=epsilon, gamma=gamma, use_bias=use_bias)
    check_against_paper(cell, over_time(step))


@pytest.mark.parametrize("use_bias", [True, False])
def test_gated_equals_paper(x64, use_bias):
    """Chang et al. 2019, equations 13 and 14."""

    def step(params, h, x):
        A = matrix_in_numpy(params["recurrent_weights"], 0.2)
        V_z, V_h = np.split(params["kernel"], 2, axis=1)
        b_z, b_h = np.split(params["bias"], 2) if use_bias else (0, 0)
        z = sigmoid(h @ A.T + x @ V_z + b_z)
        return h + 0.4 * z * np.tanh(h @ A.T + x @ V_h + b_h)

    cell = antisymmetric_rnn(H, step_size=0.4, gamma=0.2, gated=True, use_bias=use_bias)
    check_against_paper(cell, over_time(step))


def test_eigenvalues_lie_on_a_vertical_line(x64):
    """Their real parts are all -gamma: stable, and nothing is lost."""
    cell = antisymmetric_rnn(H, gamma=0.3)
    params = cell.init(jax.random.key(0), D)
    params["recurrent_weights"] = np.random.default_rng(0).normal(size=H * (H - 1) // 2)
    eigenvalues = np.linalg.eigvals(cell.prepare(params)["recurrent_kernel"])
    np.testing.assert_allclose(eigenvalues.real, -0.3, atol=1e-14)
    assert np.abs(eigenvalues.imag).max() > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be a positive whole number, got 0."),
        ({"step_size": 0.0}, "step_size must be positive, got 0.0."),
        ({"step_size": np.nan}, "step_size must be positive, got nan."),
        ({"gamma": -1.0}, "gamma must not be negative, got -1.0."),
        ({"activation": "tahn"}, "activation must be a function or the name"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        antisymmetric_rnn(**({"hidden_size": H} | options))

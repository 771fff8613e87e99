"""The antisymmetric network against its paper, and what its matrix is for."""

import jax
import numpy as np
import pytest

from rnnjax.cells.antisymmetric import (
    antisymmetric_rnn,
    antisymmetric_rnn_step,
    gated_antisymmetric_rnn_step,
)
from tests.cells.paper import B, D, H, check_against_paper, sigmoid
from tests.loop import in_numpy
from tests.trees import assert_same_bits


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

    def from_paper(params, carry, inputs):
        A = matrix_in_numpy(params["recurrent_weights"], gamma)
        b = params["bias"] if use_bias else 0
        (h,), outputs = carry, []
        for x in inputs:
            h = h + epsilon * np.tanh(h @ A.T + x @ params["kernel"] + b)
            outputs.append(h)
        return (h,), np.stack(outputs)

    cell = antisymmetric_rnn(H, epsilon=epsilon, gamma=gamma, use_bias=use_bias)
    check_against_paper(cell, from_paper)


@pytest.mark.parametrize("use_bias", [True, False])
def test_gated_equals_paper(x64, use_bias):
    """Chang et al. 2019, equations 13 and 14."""

    def from_paper(params, carry, inputs):
        A = matrix_in_numpy(params["recurrent_weights"], 0.2)
        V_z, V_h = np.split(params["kernel"], 2, axis=1)
        b_z, b_h = np.split(params["bias"], 2) if use_bias else (0, 0)
        (h,), outputs = carry, []
        for x in inputs:
            z = sigmoid(h @ A.T + x @ V_z + b_z)
            h = h + 0.4 * z * np.tanh(h @ A.T + x @ V_h + b_h)
            outputs.append(h)
        return (h,), np.stack(outputs)

    cell = antisymmetric_rnn(H, epsilon=0.4, gamma=0.2, gated=True, use_bias=use_bias)
    check_against_paper(cell, from_paper)


def test_eigenvalues_lie_on_a_vertical_line(x64):
    """Their real parts are all -gamma: stable, and nothing is lost."""
    cell = antisymmetric_rnn(H, gamma=0.3)
    params = cell.init(jax.random.key(0), D)
    params["recurrent_weights"] = np.random.default_rng(0).normal(size=H * (H - 1) // 2)
    eigenvalues = np.linalg.eigvals(cell.prepare(params)["recurrent_kernel"])
    np.testing.assert_allclose(eigenvalues.real, -0.3, atol=1e-14)
    assert np.abs(eigenvalues.imag).max() > 1


@pytest.mark.parametrize("gated", [False, True])
def test_step_is_the_public_step(gated):
    rng = np.random.default_rng(1)
    cell = antisymmetric_rnn(H, epsilon=0.2, gated=gated, activation="relu")
    params = in_numpy(lambda key: cell.prepare(cell.init(key, D)))(jax.random.key(0))
    carry, inputs = (np.float32(rng.normal(size=(B, size))) for size in (H, D))
    want = cell.step(params, carry, inputs)
    step = gated_antisymmetric_rnn_step if gated else antisymmetric_rnn_step
    got = step(params, carry, inputs, epsilon=0.2, activation="relu")
    assert_same_bits(got, want)
    assert not np.allclose(want[1], step(params, carry, inputs)[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be a positive whole number, got 0."),
        ({"epsilon": 0.0}, "epsilon must be positive, got 0.0."),
        ({"epsilon": np.nan}, "epsilon must be positive, got nan."),
        ({"gamma": -1.0}, "gamma must not be negative, got -1.0."),
        ({"activation": "tahn"}, "activation must be a function or the name"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        antisymmetric_rnn(**({"hidden_size": H} | options))

"""The LSTM against the papers' equations, and its reductions."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, by_gate, check_against_paper, sigmoid
from tests.pytrees import assert_close


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, use_bias):
    """Gers et al. 2000: gates by their own matrices, the cell state between them."""

    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], "ifgo")
        W = by_gate(params["recurrent_kernel"], "ifgo")
        b = by_gate(params["bias"], "ifgo") if use_bias else dict.fromkeys("ifgo", 0)
        (h, c), outputs = carry, []
        for x in inputs:
            i = sigmoid(x @ U["i"] + h @ W["i"] + b["i"])
            f = sigmoid(x @ U["f"] + h @ W["f"] + b["f"])
            g = np.tanh(x @ U["g"] + h @ W["g"] + b["g"])
            o = sigmoid(x @ U["o"] + h @ W["o"] + b["o"])
            c = f * c + i * g
            h = o * np.tanh(c)
            outputs.append(h)
        return (h, c), np.stack(outputs)

    check_against_paper(lstm(H, use_bias=use_bias), from_paper)


def draw(rng, scale=0.5):
    return {
        "kernel": scale * rng.normal(size=(D, 4 * H)),
        "recurrent_kernel": scale * rng.normal(size=(H, 4 * H)),
        "bias": scale * rng.normal(size=4 * H),
    }


def test_open_forget_gate_and_shut_input_gate_keep_c(x64):
    rng = np.random.default_rng(0)
    params = draw(rng)
    params["bias"][:H] = -200.0
    params["bias"][H : 2 * H] = 200.0
    carry = LSTMCarry(*rng.normal(size=(2, B, H)))
    last, _ = unroll(lstm(H), params, rng.normal(size=(T, B, D)), carry=carry)
    assert_close(last.c, carry.c, 1e-15)
    assert not np.allclose(last.h, carry.h)


def test_shut_output_gate_shows_nothing(x64):
    rng = np.random.default_rng(1)
    params = draw(rng)
    params["bias"][3 * H :] = -200.0
    last, outputs = unroll(lstm(H), params, rng.normal(size=(T, B, D)))
    assert np.abs(outputs).max() < 1e-60
    assert np.abs(last.c).min() > 1e-6


def test_forget_bias_is_in_the_bias():
    """And nowhere else: the step adds nothing to the forget gate."""
    for forget_bias in (1.0, 0.0, 2.5):
        params = lstm(H, forget_bias=forget_bias).init(jax.random.key(0), D)
        gates = np.split(np.asarray(params["bias"]), 4)
        for gate, want in zip(gates, (0.0, forget_bias, 0.0, 0.0)):
            np.testing.assert_array_equal(gate, np.full(H, want, np.float32))
    zeros = jax.tree.map(np.zeros_like, params)
    carry = LSTMCarry(np.zeros(H, np.float32), np.ones(H, np.float32))
    last, _ = lstm(H).step(zeros, carry, np.zeros(D, np.float32))
    np.testing.assert_allclose(last.c, 0.5, rtol=1e-6)


def test_step_is_a_scan_body():
    rng = np.random.default_rng(2)
    params = jax.tree.map(np.float32, draw(rng))
    inputs = np.float32(rng.normal(size=(T, B, D)))
    cell = lstm(H)
    step = functools.partial(cell.step, params)
    got = jax.lax.scan(step, cell.initial_carry(params, (B,)), inputs)
    assert_close(got, unroll(cell, params, inputs), 1e-6)


def test_kernels_keep_the_variance_of_inputs():
    cell = lstm(40, recurrent_kernel_init=jax.nn.initializers.zeros)
    kernel = cell.init(jax.random.key(0), 400)["kernel"]
    assert abs(kernel.var() * 400 - 1) < 0.05

"""Both forms of the GRU against their equations, and their reductions."""

import jax
import numpy as np
import pytest

from rnnjax import gru
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, by_gate, check_against_paper, sigmoid
from tests.pytrees import assert_close


def biases(params, use_bias):
    return by_gate(params["bias"], "rzn") if use_bias else dict.fromkeys("rzn", 0)


@pytest.mark.parametrize("use_bias", [True, False])
def test_reset_after_equals_equations(x64, use_bias):
    """As in PyTorch and cuDNN: n = tanh(U x + b + r (W h + c))."""

    def from_equations(params, carry, inputs):
        U = by_gate(params["kernel"], "rzn")
        W = by_gate(params["recurrent_kernel"], "rzn")
        b = biases(params, use_bias)
        candidate_bias = params["candidate_bias"] if use_bias else 0
        (h,), outputs = carry, []
        for x in inputs:
            r = sigmoid(x @ U["r"] + h @ W["r"] + b["r"])
            z = sigmoid(x @ U["z"] + h @ W["z"] + b["z"])
            n = np.tanh(x @ U["n"] + b["n"] + r * (h @ W["n"] + candidate_bias))
            h = (1 - z) * n + z * h
            outputs.append(h)
        return (h,), np.stack(outputs)

    check_against_paper(gru(H, use_bias=use_bias), from_equations)


@pytest.mark.parametrize("use_bias", [True, False])
def test_reset_before_equals_paper(x64, use_bias):
    """Cho et al. 2014, equations 5 to 8: n = tanh(U x + W (r h) + b)."""

    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], "rzn")
        W = by_gate(params["recurrent_kernel"], "rz")
        b = biases(params, use_bias)
        (h,), outputs = carry, []
        for x in inputs:
            r = sigmoid(x @ U["r"] + h @ W["r"] + b["r"])
            z = sigmoid(x @ U["z"] + h @ W["z"] + b["z"])
            n = np.tanh(x @ U["n"] + (r * h) @ params["candidate_kernel"] + b["n"])
            h = z * h + (1 - z) * n
            outputs.append(h)
        return (h,), np.stack(outputs)

    check_against_paper(gru(H, use_bias=use_bias, reset_after=False), from_paper)


@pytest.mark.parametrize("reset_after", [True, False])
def test_other_activations_stand_where_they_should(x64, reset_after):
    def from_equations(params, carry, inputs):
        U, b = by_gate(params["kernel"], "rzn"), by_gate(params["bias"], "rzn")
        W = params["recurrent_kernel"]
        W = by_gate(W, "rzn") if reset_after else by_gate(W, "rz")
        (h,), outputs = carry, []
        for x in inputs:
            r = np.sin(x @ U["r"] + h @ W["r"] + b["r"])
            z = np.sin(x @ U["z"] + h @ W["z"] + b["z"])
            if reset_after:
                product = r * (h @ W["n"] + params["candidate_bias"])
            else:
                product = (r * h) @ params["candidate_kernel"]
            n = x @ U["n"] + product + b["n"]
            n = n / (1 + np.abs(n))
            h = (1 - z) * n + z * h
            outputs.append(h)
        return (h,), np.stack(outputs)

    options = {"gate_activation": "sin", "activation": "softsign"}
    cell = gru(H, reset_after=reset_after, **options)
    check_against_paper(cell, from_equations)


def draw(rng):
    return {
        "kernel": rng.normal(size=(D, 3 * H)),
        "recurrent_kernel": rng.normal(size=(H, 3 * H)),
        "bias": rng.normal(size=3 * H),
        "candidate_bias": np.zeros(H),
    }


def test_shut_update_gate_is_the_identity(x64):
    rng = np.random.default_rng(0)
    params = draw(rng)
    params["bias"][H : 2 * H] = 200.0
    carry = rng.normal(size=(B, H))
    last, _ = unroll(gru(H), params, rng.normal(size=(T, B, D)), carry=carry)
    assert_close(last, carry, 1e-15)


@pytest.mark.parametrize(("reset_bias", "same"), [(200.0, True), (0.0, False)])
def test_both_forms_agree_without_a_reset(x64, reset_bias, same):
    rng = np.random.default_rng(1)
    after = draw(rng)
    after["bias"][:H] = reset_bias
    before = {name: after[name] for name in ("kernel", "bias")}
    before["recurrent_kernel"], before["candidate_kernel"] = np.split(
        after["recurrent_kernel"], [2 * H], axis=1
    )
    inputs = rng.normal(size=(T, B, D))
    _, got = unroll(gru(H), after, inputs)
    _, want = unroll(gru(H, reset_after=False), before, inputs)
    assert np.allclose(got, want, atol=1e-12) == same


def test_the_update_bias_keeps_the_carry():
    """z = σ(update_bias) where nothing else is added."""
    zeros = jax.nn.initializers.zeros
    cell = gru(H, update_bias=3.0, kernel_init=zeros, recurrent_kernel_init=zeros)
    params = cell.init(jax.random.key(0), D)
    kept, _ = gru(H).step(params, np.ones(H, np.float32), np.zeros(D, np.float32))
    np.testing.assert_allclose(kept, sigmoid(3.0), rtol=1e-6)

"""Both forms of the GRU against their equations, and their reductions."""

import jax
import numpy as np
import pytest

from rnnjax import gru
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import B, D, H, by_gate, draw, sigmoid
from tests.pytrees import assert_close


def softsign(x):
    return x / (1 + np.abs(x))


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("reset_after", [True, False])
@pytest.mark.parametrize(
    ("options", "gate", "activation"),
    [
        ({}, sigmoid, np.tanh),
        ({"gate_activation": "sin", "activation": "softsign"}, np.sin, softsign),
    ],
)
def test_equals_paper(x64, reset_after, use_bias, options, gate, activation):
    """Before: Cho et al. 2014, equations 5 to 8, n = tanh(U x + W (r h) + b).

    After, as in PyTorch and cuDNN: n = tanh(U x + b + r (W h + c)).
    """

    def step(params, h, x):
        U = paper.affine({"bias": 0} | params, x, "rzn")
        W = by_gate(params["recurrent_kernel"], "rzn" if reset_after else "rz")
        r, z = gate(U["r"] + h @ W["r"]), gate(U["z"] + h @ W["z"])
        if reset_after:
            recurrent = r * (h @ W["n"] + params.get("candidate_bias", 0))
        else:
            recurrent = (r * h) @ params["candidate_kernel"]
        return (1 - z) * activation(U["n"] + recurrent) + z * h

    cell = gru(H, reset_after=reset_after, use_bias=use_bias, **options)
    paper.check_against_paper(cell, paper.over_time(step))


def test_shut_update_gate_is_the_identity(x64):
    params, inputs = draw(gru(H), scale=1.0)
    params["bias"][H : 2 * H] = 200.0
    carry = np.random.default_rng(1).normal(size=(B, H))
    last, _ = unroll(gru(H), params, inputs, carry=carry)
    assert_close(last, carry, 1e-15)


@pytest.mark.parametrize(("reset_bias", "same"), [(200.0, True), (0.0, False)])
def test_both_forms_agree_without_a_reset(x64, reset_bias, same):
    after, inputs = draw(gru(H), 1, scale=1.0)
    after["bias"][:H], after["candidate_bias"][:] = reset_bias, 0
    before = {name: after[name] for name in ("kernel", "bias")}
    before["recurrent_kernel"], before["candidate_kernel"] = np.split(
        after["recurrent_kernel"], [2 * H], axis=1
    )
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

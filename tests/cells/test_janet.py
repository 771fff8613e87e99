"""JANET against its equations, and its reductions."""

import functools

import numpy as np
import pytest

from rnnjax.cells.janet import janet
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    D,
    H,
    T,
    by_gate,
    check_against_paper,
    draw_params,
    sigmoid,
)
from tests.pytrees import assert_close


@pytest.mark.parametrize(("use_bias", "beta"), [(True, 1.0), (False, -0.5)])
def test_equals_paper(x64, use_bias, beta):
    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], "fg")
        W = by_gate(params["recurrent_kernel"], "fg")
        b = by_gate(params["bias"], "fg") if use_bias else dict.fromkeys("fg", 0)
        (h,), outputs = carry, []
        for x in inputs:
            s = x @ U["f"] + h @ W["f"] + b["f"]
            new = np.tanh(x @ U["g"] + h @ W["g"] + b["g"])
            h = sigmoid(s) * h + (1 - sigmoid(s - beta)) * new
            outputs.append(h)
        return (h,), np.stack(outputs)

    check_against_paper(janet(H, use_bias=use_bias, beta=beta), from_paper)


draw = functools.partial(draw_params, scale=0.4)


def test_without_beta_it_is_a_coupled_lstm_that_shows_c(x64):
    rng = np.random.default_rng(0)
    params, inputs = draw(rng, janet(H)), rng.normal(size=(T, B, D))
    coupled = lstm_variant(H, gates="f", coupled=True, output_activation="identity")
    last, outputs = unroll(coupled, params, inputs)
    got = unroll(janet(H, beta=0.0), params, inputs)
    assert_close(got, (last.c, outputs), 1e-12)


def test_an_open_gate_keeps(x64):
    rng = np.random.default_rng(1)
    params, inputs = draw(rng, janet(H)), rng.normal(size=(T, B, D))
    params["bias"][:H] = 200
    carry = rng.normal(size=(B, H))
    last, _ = unroll(janet(H), params, inputs, carry=carry)
    assert_close(last, carry, 1e-15)

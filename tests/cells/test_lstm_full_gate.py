"""The LSTM with full gate recurrence against its equations, and its reduction."""

import functools

import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_full_gate import lstm_full_gate
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


@pytest.mark.parametrize(("use_peepholes", "use_bias"), [(True, True), (False, False)])
def test_equals_paper(x64, use_peepholes, use_bias):
    """Greff et al. 2017: nine matrices more, of each gate from each gate."""

    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], "ifgo")
        W = by_gate(params["recurrent_kernel"], "ifgo")
        b = by_gate(params["bias"], "ifgo") if use_bias else dict.fromkeys("ifgo", 0)
        p = {name: params[f"peephole_{name}"] if use_peepholes else 0 for name in "ifo"}
        R = {
            seen: by_gate(rows, "ifo")
            for seen, rows in zip("ifo", np.split(params["gate_kernel"], 3))
        }
        (h, c, gates), outputs = carry, []
        gate = by_gate(gates, "ifo")
        for x in inputs:
            pre = {name: x @ U[name] + h @ W[name] + b[name] for name in "ifgo"}
            for name in "ifo":
                for seen in "ifo":
                    pre[name] = pre[name] + gate[seen] @ R[seen][name]
            i = sigmoid(pre["i"] + p["i"] * c)
            f = sigmoid(pre["f"] + p["f"] * c)
            c = f * c + i * np.tanh(pre["g"])
            o = sigmoid(pre["o"] + p["o"] * c)
            gate = {"i": i, "f": f, "o": o}
            h = o * np.tanh(c)
            outputs.append(h)
        return (h, c, np.concatenate([i, f, o], axis=-1)), np.stack(outputs)

    cell = lstm_full_gate(H, use_peepholes=use_peepholes, use_bias=use_bias)
    check_against_paper(cell, from_paper)


draw = functools.partial(draw_params, dtype=np.float32, scale=0.4)


def test_gates_that_do_not_see_gates_are_the_lstm():
    rng = np.random.default_rng(0)
    params = draw(rng, lstm(H))
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    apart = params | {"gate_kernel": np.zeros((3 * H, 3 * H), np.float32)}
    carry, got = unroll(lstm_full_gate(H), apart, inputs)
    last, want = unroll(lstm(H), params, inputs)
    assert_close((carry.h, carry.c, got), (last.h, last.c, want), 1e-6)

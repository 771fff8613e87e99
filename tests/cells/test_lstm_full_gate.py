"""The LSTM with full gate recurrence against its equations, and its reduction."""

import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_full_gate import lstm_full_gate
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import H, by_gate, draw, pre_activation, sigmoid
from tests.pytrees import assert_close


@pytest.mark.parametrize(("use_peepholes", "use_bias"), [(True, True), (False, False)])
def test_equals_paper(x64, use_peepholes, use_bias):
    """Greff et al. 2017: nine matrices more, of each gate from each gate."""

    def step(params, h, c, gates, x):
        p = {name: params[f"peephole_{name}"] if use_peepholes else 0 for name in "ifo"}
        pre = by_gate(pre_activation(params, x, h), "ifgo")
        seen = zip(np.split(gates, 3, axis=-1), np.split(params["gate_kernel"], 3))
        for gate, rows in seen:
            for name, matrix in by_gate(rows, "ifo").items():
                pre[name] = pre[name] + gate @ matrix
        i, f = (sigmoid(pre[name] + p[name] * c) for name in "if")
        c = f * c + i * np.tanh(pre["g"])
        o = sigmoid(pre["o"] + p["o"] * c)
        return o * np.tanh(c), c, np.concatenate([i, f, o], axis=-1)

    cell = lstm_full_gate(H, use_peepholes=use_peepholes, use_bias=use_bias)
    paper.check_against_paper(cell, paper.over_time(step))


def test_gates_that_do_not_see_gates_are_the_lstm(x64):
    params, inputs = draw(lstm(H), scale=0.4)
    apart = params | {"gate_kernel": np.zeros((3 * H, 3 * H))}
    carry, got = unroll(lstm_full_gate(H), apart, inputs)
    last, want = unroll(lstm(H), params, inputs)
    assert_close((carry.h, carry.c, got), (last.h, last.c, want), 1e-12)

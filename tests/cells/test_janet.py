"""JANET against its equations, and its reductions."""

import numpy as np
import pytest

from rnnjax.cells.janet import janet
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import H, by_gate, draw, pre_activation, sigmoid
from tests.pytrees import assert_close


@pytest.mark.parametrize(("use_bias", "beta"), [(True, 1.0), (False, -0.5)])
def test_equals_paper(x64, use_bias, beta):
    def step(params, h, x):
        pre = by_gate(pre_activation(params, x, h), "fg")
        kept, added = sigmoid(pre["f"]), 1 - sigmoid(pre["f"] - beta)
        return kept * h + added * np.tanh(pre["g"])

    cell = janet(H, use_bias=use_bias, beta=beta)
    paper.check_against_paper(cell, paper.over_time(step))


def test_without_beta_it_is_a_coupled_lstm_that_shows_c(x64):
    params, inputs = draw(janet(H), scale=0.4)
    coupled = lstm_variant(H, gates="f", coupled=True, output_activation="identity")
    last, outputs = unroll(coupled, params, inputs)
    got = unroll(janet(H, beta=0.0), params, inputs)
    assert_close(got, (last.c, outputs), 1e-12)


def test_an_open_gate_keeps(x64):
    paper.check_first_gate_keeps_carry(janet(H), 200.0)

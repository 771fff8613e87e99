"""The update gate network against its paper."""

import numpy as np

from rnnjax.cells.ugrnn import ugrnn
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    D,
    H,
    T,
    affine,
    by_gate,
    check_against_paper,
    draw_params,
    over_time,
    sigmoid,
)
from tests.pytrees import assert_close


def test_equals_paper(x64):
    def step(p, h, x):
        pre = affine(p, x, "gn")
        wh = by_gate(h @ p["recurrent_kernel"], "gn")
        g = sigmoid(pre["g"] + wh["g"])
        return g * h + (1 - g) * np.tanh(pre["n"] + wh["n"])

    check_against_paper(ugrnn(H), over_time(step))


def test_an_open_gate_keeps_the_carry(x64):
    rng = np.random.default_rng(0)
    params = draw_params(rng, ugrnn(H))
    params["bias"][:H] = 500
    carry = rng.normal(size=(B, H))
    last, _ = unroll(ugrnn(H), params, rng.normal(size=(T, B, D)), carry=carry)
    assert_close(last, carry, 1e-15)

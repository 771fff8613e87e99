"""The minimal gated unit against its paper, and its closed gate."""

import numpy as np

from rnnjax.cells.mgu import mgu
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    D,
    H,
    T,
    affine,
    check_against_paper,
    draw_params,
    over_time,
    sigmoid,
)
from tests.pytrees import assert_close


def test_equals_paper(x64):
    def step(p, h, x):
        ux = affine(p, x, "fn")
        f = sigmoid(ux["f"] + h @ p["recurrent_kernel"])
        n = np.tanh(ux["n"] + (f * h) @ p["candidate_kernel"])
        return (1 - f) * h + f * n

    check_against_paper(mgu(H), over_time(step))


def test_a_closed_gate_keeps_the_carry(x64):
    rng = np.random.default_rng(1)
    params = draw_params(rng, mgu(H))
    params["bias"][:H] = -500
    carry = rng.normal(size=(B, H))
    last, _ = unroll(mgu(H), params, rng.normal(size=(T, B, D)), carry=carry)
    assert_close(last, carry, 1e-15)

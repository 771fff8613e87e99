"""The recurrent highway network against its paper."""

import numpy as np

from rnnjax.cells.highway import recurrent_highway, recurrent_highway_step
from tests.cells.paper import B, H, by_gate, draw, equals_paper, sigmoid
from tests.pytrees import assert_close


@equals_paper(
    recurrent_highway,
    {"depth": 3, "coupled": True},
    {"depth": 2, "coupled": False},
    {"depth": 1, "coupled": True},
)
def test_equals_paper(params, s, x, depth, coupled):
    """Zilly et al. 2017, equations 6 to 9."""
    for layer in range(depth):
        pre = s @ params["recurrent_kernel"][layer]
        pre = pre + x @ params["kernel"] if layer == 0 else pre
        pre = by_gate(pre + params["bias"][layer], "at" if coupled else "atc")
        t = sigmoid(pre["t"])
        c = 1 - t if coupled else sigmoid(pre["c"])
        s = np.tanh(pre["a"]) * t + s * c
    return s


def test_public_step_takes_layers_stacked_or_apart(x64):
    cell = recurrent_highway(H, depth=2, activation="relu")
    params, (x, *_) = draw(cell, 3, scale=1.0)
    carry = np.random.default_rng(4).normal(size=(B, H))
    want = cell.step(cell.prepare(params), carry, x)
    got = recurrent_highway_step(params, carry, x, activation="relu")
    assert_close(got, want, 1e-15)

"""The recurrent highway network against its paper, and with gates open and shut."""

import numpy as np

from rnnjax import elman
from rnnjax.cells.highway import recurrent_highway, recurrent_highway_step
from rnnjax.unroll import unroll
from tests.cells.paper import B, H, by_gate, draw, equals_paper, sigmoid
from tests.pytrees import assert_close


@equals_paper(
    recurrent_highway,
    {"depth": 3, "coupled": True},
    {"depth": 2, "coupled": False, "use_bias": False},
    {"depth": 1, "coupled": True},
)
def test_equals_paper(params, s, x, depth, coupled):
    """Zilly et al. 2017, equations 6 to 9."""
    for layer in range(depth):
        pre = s @ params["recurrent_kernel"][layer]
        pre = pre + x @ params["kernel"] if layer == 0 else pre
        pre = pre + params["bias"][layer] if "bias" in params else pre
        pre = by_gate(pre, "at" if coupled else "atc")
        t = sigmoid(pre["t"])
        c = 1 - t if coupled else sigmoid(pre["c"])
        s = np.tanh(pre["a"]) * t + s * c
    return s


def test_open_first_gate_and_shut_others_make_elman(x64):
    cell = recurrent_highway(H, depth=2)
    params, inputs = draw(cell, 2, scale=1.0)
    params["bias"][0, H:], params["bias"][1, H:] = 200.0, -200.0
    plain = {name: x[..., :H] for name, x in params.items()}
    plain |= {name: plain[name][0] for name in ("recurrent_kernel", "bias")}
    got = unroll(cell, params, inputs)
    assert_close(got, unroll(elman(H), plain, inputs), 1e-14)


def test_public_step_takes_layers_stacked_or_apart(x64):
    cell = recurrent_highway(H, depth=2, activation="relu")
    params, (x, *_) = draw(cell, 3, scale=1.0)
    carry = np.random.default_rng(4).normal(size=(B, H))
    want = cell.step(cell.prepare(params), carry, x)
    got = recurrent_highway_step(params, carry, x, activation="relu")
    assert_close(got, want, 1e-15)

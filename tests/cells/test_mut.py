"""MUT1 to MUT3 against their paper, and MUT2 as a GRU."""

import numpy as np
import pytest

from rnnjax import gru
from rnnjax.cells.mut import mut1, mut2, mut3
from rnnjax.unroll import unroll
from tests.cells.paper import H, affine, by_gate, check_step_of_paper, draw, sigmoid
from tests.pytrees import assert_close


def mut1_of_paper(p, h, x):
    ux, b = by_gate(x @ p["kernel"], "rzn"), by_gate(p["bias"], "rzn")
    z = sigmoid(ux["z"] + b["z"])
    r = sigmoid(ux["r"] + h @ p["recurrent_kernel"] + b["r"])
    n = np.tanh((r * h) @ p["candidate_kernel"] + np.tanh(ux["n"]) + b["n"])
    return n * z + h * (1 - z)


def mut2_of_paper(p, h, x):
    ux = affine(p, x, "rzn")
    wh = by_gate(h @ p["recurrent_kernel"], "rz")
    z, r = sigmoid(ux["z"] + wh["z"]), sigmoid(ux["r"] + wh["r"])
    n = np.tanh((r * h) @ p["candidate_kernel"] + ux["n"])
    return n * z + h * (1 - z)


def mut3_of_paper(p, h, x):
    ux = affine(p, x, "rzn")
    z = sigmoid(ux["z"] + np.tanh(h) @ p["update_kernel"])
    r = sigmoid(ux["r"] + h @ p["recurrent_kernel"])
    n = np.tanh((r * h) @ p["candidate_kernel"] + ux["n"])
    return n * z + h * (1 - z)


@pytest.mark.parametrize(
    ("make", "step"),
    [(mut1, mut1_of_paper), (mut2, mut2_of_paper), (mut3, mut3_of_paper)],
)
def test_equals_paper(x64, make, step):
    check_step_of_paper(make(H), step)


def test_mut2_is_a_gru_that_exchanges_z(x64):
    """As in Chung et al., which resets before the product."""
    params, inputs = draw(mut2(H), 4, scale=1.0)
    signs = np.repeat([1, -1, 1], H)
    own = params | {name: params[name] * signs for name in ("kernel", "bias")}
    own["recurrent_kernel"] = params["recurrent_kernel"] * signs[: 2 * H]
    want = unroll(gru(H, reset_after=False), own, inputs)
    assert_close(unroll(mut2(H), params, inputs), want, 1e-13)

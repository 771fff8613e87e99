"""MUT1 to MUT3 against their paper."""

import numpy as np

from rnnjax.cells.mut import mut1, mut2, mut3
from tests.cells.paper import affine, by_gate, equals_paper, sigmoid


def mix(p, h, z, r, n):
    """What the three share, from their gates and what the candidate is driven by."""
    n = np.tanh((r * h) @ p["candidate_kernel"] + n)
    return n * z + h * (1 - z)


@equals_paper(mut1)
def test_mut1_equals_paper(p, h, x):
    ux, b = by_gate(x @ p["kernel"], "rzn"), by_gate(p["bias"], "rzn")
    r = sigmoid(ux["r"] + h @ p["recurrent_kernel"] + b["r"])
    return mix(p, h, sigmoid(ux["z"] + b["z"]), r, np.tanh(ux["n"]) + b["n"])


@equals_paper(mut2)
def test_mut2_equals_paper(p, h, x):
    ux = affine(p, x, "rzn")
    wh = by_gate(h @ p["recurrent_kernel"], "rz")
    return mix(p, h, sigmoid(ux["z"] + wh["z"]), sigmoid(ux["r"] + wh["r"]), ux["n"])


@equals_paper(mut3)
def test_mut3_equals_paper(p, h, x):
    ux = affine(p, x, "rzn")
    z = sigmoid(ux["z"] + np.tanh(h) @ p["update_kernel"])
    return mix(p, h, z, sigmoid(ux["r"] + h @ p["recurrent_kernel"]), ux["n"])

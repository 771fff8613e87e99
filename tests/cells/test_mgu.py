"""The minimal gated unit against its paper, and its closed gate."""

import numpy as np

from rnnjax.cells.mgu import mgu
from tests.cells import paper
from tests.cells.paper import H, affine, sigmoid


def test_equals_paper(x64):
    def step(p, h, x):
        ux = affine(p, x, "fn")
        f = sigmoid(ux["f"] + h @ p["recurrent_kernel"])
        n = np.tanh(ux["n"] + (f * h) @ p["candidate_kernel"])
        return (1 - f) * h + f * n

    paper.check_step_of_paper(mgu(H), step)


def test_a_closed_gate_keeps_the_carry(x64):
    paper.check_first_gate_keeps_carry(mgu(H), -500)

"""The update gate network against its paper."""

import numpy as np

from rnnjax.cells.ugrnn import ugrnn
from tests.cells import paper
from tests.cells.paper import H, affine, by_gate, sigmoid


def test_equals_paper(x64):
    def step(p, h, x):
        pre = affine(p, x, "gn")
        wh = by_gate(h @ p["recurrent_kernel"], "gn")
        g = sigmoid(pre["g"] + wh["g"])
        return g * h + (1 - g) * np.tanh(pre["n"] + wh["n"])

    paper.check_step_of_paper(ugrnn(H), step)


def test_an_open_gate_keeps_the_carry(x64):
    paper.check_first_gate_keeps_carry(ugrnn(H), 500)

"""The convolutional LSTM in 1, 2 and 3 dimensions, and at one position."""

import functools

import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from tests.cells import paper
from tests.cells.convolution import check_one_position, convolve
from tests.cells.paper import by_gate, sigmoid

D, H = 1, 2
SHAPES = {
    "line": ((4,), (3,)),
    "plane": ((3, 2), (2, 3)),
    "space": ((1, 2, 2), (1, 2, 1)),
    "kernel wider than the line": ((2,), (5,)),
}


@paper.over_time
def from_paper(params, h, c, x):
    """Shi et al. 2015, equation 3, every position's sum written out."""
    U = by_gate(params["kernel"], "ifgo")
    W = by_gate(params["recurrent_kernel"], "ifgo")
    b = by_gate(params["bias"], "ifgo")
    p = {name: params.get(f"peephole_{name}", 0) for name in "ifo"}
    pre = {n: convolve(x, U[n]) + convolve(h, W[n]) + b[n] for n in "ifgo"}
    i, f = (sigmoid(pre[name] + p[name] * c) for name in "if")
    c = f * c + i * np.tanh(pre["g"])
    return sigmoid(pre["o"] + p["o"] * c) * np.tanh(c), c


@pytest.mark.parametrize(
    ("shapes", "use_peepholes"),
    [
        pytest.param("line", True),
        pytest.param("plane", False, marks=pytest.mark.slow),
        pytest.param("space", True, marks=pytest.mark.slow),
        pytest.param("kernel wider than the line", False),
    ],
)
def test_equals_paper(x64, shapes, use_peepholes):
    cell = lstm_convolutional(H, *SHAPES[shapes], use_peepholes=use_peepholes)
    paper.check_against_paper(cell, from_paper, (*SHAPES[shapes][0], D))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_one_position_is_the_lstm(x64, dimensions):
    make = functools.partial(lstm_convolutional, H)
    check_one_position(make, lstm(H), D, dimensions)

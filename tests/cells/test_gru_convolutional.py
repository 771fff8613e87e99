"""The convolutional GRU against its equations, and its reduction."""

import functools

import numpy as np
import pytest

from rnnjax import gru
from rnnjax.cells.gru_convolutional import gru_convolutional
from tests.cells.convolution import check_one_position, convolve
from tests.cells.paper import by_gate, check_against_paper, over_time, sigmoid

D, H = 1, 2


@pytest.mark.parametrize(
    ("spatial_shape", "kernel_shape", "use_bias"),
    [
        ((4,), (3,), True),
        pytest.param((3, 2), (2, 3), False, marks=pytest.mark.slow),
    ],
)
def test_equals_paper(x64, spatial_shape, kernel_shape, use_bias):
    """Ballas et al. 2016, equations 5 to 8, z and 1 - z exchanged."""

    def step(params, h, x):
        U = by_gate(params["kernel"], "rzn")
        W = by_gate(params["recurrent_kernel"], "rz") | {
            "n": params["candidate_kernel"]
        }
        b = by_gate(params["bias"], "rzn") if use_bias else dict.fromkeys("rzn", 0)
        seen = {name: convolve(x, U[name]) + b[name] for name in "rzn"}
        r = sigmoid(seen["r"] + convolve(h, W["r"]))
        z = sigmoid(seen["z"] + convolve(h, W["z"]))
        return z * h + (1 - z) * np.tanh(seen["n"] + convolve(r * h, W["n"]))

    cell = gru_convolutional(H, spatial_shape, kernel_shape, use_bias=use_bias)
    check_against_paper(cell, over_time(step), (*spatial_shape, D))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_one_position_is_the_gru_that_resets_before(x64, dimensions):
    make = functools.partial(gru_convolutional, H)
    check_one_position(make, gru(H, reset_after=False), D, dimensions)

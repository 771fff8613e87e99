"""The convolutional GRU against its equations, and its reduction."""

import functools

import numpy as np
import pytest

from rnnjax import gru
from rnnjax.cells.gru_convolutional import gru_convolutional
from tests.cells.convolution import check_one_position, convolve
from tests.cells.paper import by_gate, check_against_paper, over_time, sigmoid

D, H = 1, 2


def step_of_paper(params, h, x):
    """Ballas et al. 2016, equations 5 to 8, z and 1 - z exchanged."""
    U = by_gate(params["kernel"], "rzn")
    W = by_gate(params["recurrent_kernel"], "rz")
    b = by_gate(params["bias"], "rzn")
    seen = {name: convolve(x, U[name]) + b[name] for name in "rzn"}
    r = sigmoid(seen["r"] + convolve(h, W["r"]))
    z = sigmoid(seen["z"] + convolve(h, W["z"]))
    n = np.tanh(seen["n"] + convolve(r * h, params["candidate_kernel"]))
    return z * h + (1 - z) * n


@pytest.mark.parametrize(
    ("spatial_shape", "kernel_shape"),
    [((4,), (3,)), pytest.param((3, 2), (2, 3), marks=pytest.mark.slow)],
)
def test_equals_paper(x64, spatial_shape, kernel_shape):
    cell = gru_convolutional(H, spatial_shape, kernel_shape)
    check_against_paper(cell, over_time(step_of_paper), (*spatial_shape, D))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_one_position_is_the_gru_that_resets_before(x64, dimensions):
    make = functools.partial(gru_convolutional, H)
    check_one_position(make, gru(H, reset_after=False), D, dimensions)

"""The convolutional GRU against its equations, and its reduction."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import gru
from rnnjax.cells.gru_convolutional import gru_convolutional
from rnnjax.unroll import unroll
from tests.cells.convolution import convolve
from tests.cells.paper import B, T, by_gate, check_against_paper, draw_params, sigmoid
from tests.pytrees import assert_close

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

    def from_paper(params, carry, inputs):
        U = by_gate(params["kernel"], "rzn")
        W = by_gate(params["recurrent_kernel"], "rz")
        W["n"] = params["candidate_kernel"]
        b = by_gate(params["bias"], "rzn") if use_bias else dict.fromkeys("rzn", 0)
        (h,), outputs = carry, []
        for x in inputs:
            seen = {name: convolve(x, U[name]) + b[name] for name in "rzn"}
            r = sigmoid(seen["r"] + convolve(h, W["r"]))
            z = sigmoid(seen["z"] + convolve(h, W["z"]))
            h = z * h + (1 - z) * np.tanh(seen["n"] + convolve(r * h, W["n"]))
            outputs.append(h)
        return (h,), np.stack(outputs)

    cell = gru_convolutional(H, spatial_shape, kernel_shape, use_bias=use_bias)
    check_against_paper(cell, from_paper, (*spatial_shape, D))


draw = functools.partial(draw_params, scale=0.4)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_one_position_is_the_gru_that_resets_before(x64, dimensions):
    rng = np.random.default_rng(1)
    ones = (1,) * dimensions
    before = gru(H, reset_after=False)
    params = draw(rng, before, D)
    inputs = rng.normal(size=(T, B, D))
    spread = params | {
        name: params[name].reshape(*ones, *params[name].shape)
        for name in ("kernel", "recurrent_kernel", "candidate_kernel")
    }
    cell = gru_convolutional(H, ones, ones)
    got = unroll(cell, spread, inputs.reshape(T, B, *ones, D))
    got = jax.tree.map(lambda x: x.reshape(*x.shape[: -dimensions - 1], H), got)
    assert_close(got, unroll(before, params, inputs), 1e-12)


def test_bad_shapes():
    with pytest.raises(ValueError, match="kernel_shape must have 2 axes"):
        gru_convolutional(H, (4, 3), (3,))
    cell = gru_convolutional(H, (4, 3), (3, 3))
    with pytest.raises(ValueError, match=r"input_size must be \(4, 3\) and the"):
        cell.init(jax.random.key(0), (4, 3))

"""The convolutional LSTM in 1, 2 and 3 dimensions, and its reductions."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.unroll import unroll
from tests.cells.convolution import convolve
from tests.cells.paper import B, T, by_gate, check_against_paper, draw_params, sigmoid
from tests.pytrees import assert_close

D, H = 1, 2
SHAPES = {
    "line": ((4,), (3,)),
    "plane": ((3, 2), (2, 3)),
    "space": ((1, 2, 2), (1, 2, 1)),
    "kernel wider than the line": ((2,), (5,)),
}


def from_paper(peeping, use_bias):
    def run(params, carry, inputs):
        U = by_gate(params["kernel"], "ifgo")
        W = by_gate(params["recurrent_kernel"], "ifgo")
        b = by_gate(params["bias"], "ifgo") if use_bias else dict.fromkeys("ifgo", 0)
        p = {name: params[f"peephole_{name}"] if peeping else 0 for name in "ifo"}
        (h, c), outputs = carry, []
        for x in inputs:
            pre = {
                name: convolve(x, U[name]) + convolve(h, W[name]) + b[name]
                for name in "ifgo"
            }
            i = sigmoid(pre["i"] + p["i"] * c)
            f = sigmoid(pre["f"] + p["f"] * c)
            c = f * c + i * np.tanh(pre["g"])
            h = sigmoid(pre["o"] + p["o"] * c) * np.tanh(c)
            outputs.append(h)
        return (h, c), np.stack(outputs)

    return run


@pytest.mark.parametrize(
    ("shapes", "use_peepholes", "use_bias"),
    [
        pytest.param("line", True, True),
        pytest.param("plane", False, True, marks=pytest.mark.slow),
        pytest.param("space", True, False, marks=pytest.mark.slow),
        pytest.param("kernel wider than the line", False, False),
    ],
)
def test_equals_paper(x64, shapes, use_peepholes, use_bias):
    """Shi et al. 2015, equation 3, every position's sum written out."""
    spatial_shape, kernel_shape = SHAPES[shapes]
    cell = lstm_convolutional(
        H, spatial_shape, kernel_shape, use_peepholes=use_peepholes, use_bias=use_bias
    )
    paper = from_paper(use_peepholes, use_bias)
    check_against_paper(cell, paper, (*spatial_shape, D))


draw = functools.partial(draw_params, scale=0.4)


@pytest.mark.parametrize("shapes", ["plane", "space"])
@pytest.mark.parametrize("batch_shape", [(), (B,), (2, B)])
def test_values_in_two_and_three_dimensions(x64, shapes, batch_shape):
    spatial_shape, kernel_shape = SHAPES[shapes]
    rng = np.random.default_rng(0)
    cell = lstm_convolutional(H, spatial_shape, kernel_shape)
    params = draw(rng, cell, (*spatial_shape, D))
    inputs = rng.normal(size=(T, *batch_shape, *spatial_shape, D))
    carry, got = unroll(cell, params, inputs)
    zeros = [np.zeros((*batch_shape, *spatial_shape, H))] * 2
    (h, c), want = from_paper(False, True)(params, zeros, inputs)
    assert_close((carry.h, carry.c, got), (h, c, want), 1e-12)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_one_position_is_the_lstm(x64, dimensions):
    rng = np.random.default_rng(1)
    ones = (1,) * dimensions
    params = draw(rng, lstm(H), D)
    inputs = rng.normal(size=(T, B, D))
    spread = params | {
        name: params[name].reshape(*ones, *params[name].shape)
        for name in ("kernel", "recurrent_kernel")
    }
    cell = lstm_convolutional(H, ones, ones)
    got = unroll(cell, spread, inputs.reshape(T, B, *ones, D))
    got = jax.tree.map(lambda x: x.reshape(*x.shape[: -dimensions - 1], H), got)
    assert_close(got, unroll(lstm(H), params, inputs), 1e-12)


def test_a_kernel_of_one_is_an_lstm_with_peepholes_at_each_position(x64):
    rng = np.random.default_rng(2)
    cell = lstm_convolutional(H, (4,), (1,), use_peepholes=True)
    params = draw(rng, cell, (4, D))
    for name in "ifo":
        params[f"peephole_{name}"][:] = params[f"peephole_{name}"][0]
    at_each = params | {
        name: params[name][0]
        for name in params
        if name.endswith("kernel") or name.startswith("peephole")
    }
    inputs = rng.normal(size=(T, B, 4, D))
    want = unroll(lstm_variant(H, peepholes="ifo"), at_each, inputs)
    assert_close(unroll(cell, params, inputs), want, 1e-12)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((), ()), r"spatial_shape must have 1 to 3 axes, got \(\)"),
        (((2,) * 4, (2,) * 4), "spatial_shape must have 1 to 3 axes, got"),
        (((4, 3), (3,)), r"kernel_shape must have 2 axes, .*, got \(3,\)"),
        (((4, 0), (3, 3)), "spatial_shape must be a positive whole number, got 0"),
        (((4,), (2.5,)), "kernel_shape must be a positive whole number, got 2.5"),
    ],
)
def test_bad_shapes(shapes, message):
    with pytest.raises(ValueError, match=message):
        lstm_convolutional(H, *shapes)


def test_bad_input_size():
    cell = lstm_convolutional(H, (4, 3), (3, 3))
    for input_size in ((3, 4, 2), (4, 2), (4, 3)):
        with pytest.raises(ValueError, match=r"input_size must be \(4, 3\) and the"):
            cell.init(jax.random.key(0), input_size)
    with pytest.raises(ValueError, match="input_size must be a positive whole number"):
        cell.init(jax.random.key(0), (4, 3, 0))


def test_other_positions_are_refused():
    """They would otherwise be repeated where there is one."""
    cell = lstm_convolutional(H, (4,), (3,))
    params = draw(np.random.default_rng(0), cell, (4, D))
    message = r"inputs must end in the axes \(4, 1\), got shape \(3, 1, 1\)"
    with pytest.raises(ValueError, match=message):
        unroll(cell, params, np.ones((T, B, 1, D)))

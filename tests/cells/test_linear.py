"""Linear systems against their equations, and the shift register."""

import functools

import numpy as np

from rnnjax.cells.linear import linear_system, shift_register
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, T, equals_paper
from tests.pytrees import assert_close


@equals_paper(
    functools.partial(linear_system, output_size=3),
    {"use_skip": True},
    {"use_skip": False},
)
def test_equals_equations(params, h, x, use_skip):
    h = x @ params["kernel"] + h @ params["recurrent_kernel"]
    o = h @ params["output_kernel"]
    return (h,), o + x @ params["skip_kernel"] if use_skip else o


def test_shift_register_holds_its_last_inputs(x64):
    n = 4
    inputs = np.random.default_rng(1).normal(size=(T, B, D))
    params = shift_register(D, n, np.float64)
    carry, outputs = unroll(linear_system(n * D, D), params, inputs)
    assert_close(outputs[n - 1 :], inputs[: T - n + 1], 0)
    assert not np.any(outputs[: n - 1])
    assert_close(carry, np.concatenate(inputs[::-1][:n], axis=-1), 0)
    shift = np.asarray(params["recurrent_kernel"])
    assert np.linalg.matrix_power(shift, n - 1).any()
    assert not np.linalg.matrix_power(shift, n).any()

"""Linear systems against their equations, and the shift register."""

import numpy as np
import pytest

from rnnjax.cells.linear import linear_system, shift_register
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper, with_outputs
from tests.pytrees import assert_close


@pytest.mark.parametrize("use_skip", [True, False])
def test_linear_system_equals_paper(x64, use_skip):
    def step(params, h, x):
        h = x @ params["kernel"] + h @ params["recurrent_kernel"]
        o = h @ params["output_kernel"]
        return (h,), o + x @ params["skip_kernel"] if use_skip else o

    check_against_paper(linear_system(H, 3, use_skip=use_skip), with_outputs(step))


def test_linear_system_adds_up(x64):
    """With A, B and C the identity."""
    params = dict.fromkeys(("kernel", "recurrent_kernel", "output_kernel"), np.eye(D))
    inputs = np.random.default_rng(0).normal(size=(T, B, D))
    _, outputs = unroll(linear_system(D, D), params, inputs)
    assert_close(outputs, inputs.cumsum(0), 1e-13)


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

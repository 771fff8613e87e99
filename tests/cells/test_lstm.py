"""The LSTM against the papers' equations, and its reductions."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import B, D, H, by_gate, draw, pre_activation, sigmoid
from tests.pytrees import assert_close


@pytest.mark.parametrize("use_bias", [True, False])
def test_equals_paper(x64, use_bias):
    """Gers et al. 2000."""

    def step(params, h, c, x):
        pre = by_gate(pre_activation(params, x, h), "ifgo")
        i, f, o = (sigmoid(pre[name]) for name in "ifo")
        c = f * c + i * np.tanh(pre["g"])
        return o * np.tanh(c), c

    paper.check_against_paper(lstm(H, use_bias=use_bias), paper.over_time(step))


def test_forget_bias_is_in_the_bias():
    """And nowhere else: the step adds nothing to the forget gate."""
    for forget_bias in (1.0, 0.0, 2.5):
        params = lstm(H, forget_bias=forget_bias).init(jax.random.key(0), D)
        want = np.repeat(np.float32([0, forget_bias, 0, 0]), H)
        np.testing.assert_array_equal(params["bias"], want)
    zeros = jax.tree.map(np.zeros_like, params)
    carry = LSTMCarry(np.zeros(H, np.float32), np.ones(H, np.float32))
    last, _ = lstm(H).step(zeros, carry, np.zeros(D, np.float32))
    np.testing.assert_allclose(last.c, 0.5, rtol=1e-6)


def test_step_is_a_scan_body():
    cell = lstm(H)
    params, inputs = jax.tree.map(np.float32, draw(cell, 2, scale=0.5))
    step = functools.partial(cell.step, params)
    got = jax.lax.scan(step, cell.initial_carry(params, (B,)), inputs)
    assert_close(got, unroll(cell, params, inputs), 1e-6)


def test_kernels_keep_the_variance_of_inputs():
    cell = lstm(40, recurrent_kernel_init=jax.nn.initializers.zeros)
    kernel = cell.init(jax.random.key(0), 400)["kernel"]
    assert abs(kernel.var() * 400 - 1) < 0.05

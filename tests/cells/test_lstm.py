"""The LSTM against the papers' equations, its bias, and as a scan body."""

import functools

import jax
import numpy as np

from rnnjax import lstm
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    H,
    by_gate,
    draw,
    equals_paper,
    initial,
    pre_activation,
    sigmoid,
)
from tests.pytrees import assert_close


@equals_paper(lstm)
def test_equals_paper(params, h, c, x):
    """Gers et al. 2000; to the forget gate nothing is added but its bias."""
    pre = by_gate(pre_activation(params, x, h), "ifgo")
    i, f, o = (sigmoid(pre[name]) for name in "ifo")
    c = f * c + i * np.tanh(pre["g"])
    return o * np.tanh(c), c


def test_forget_bias_is_one_unless_told():
    for options, forget_bias in (({}, 1.0), ({"forget_bias": 0.0}, 0.0)):
        bias = initial(lstm(H, **options))["bias"]
        np.testing.assert_array_equal(bias, np.repeat([0, forget_bias, 0, 0], H))


def test_step_is_a_scan_body():
    cell = lstm(H)
    params, inputs = jax.tree.map(np.float32, draw(cell, 2, scale=0.5))
    step = functools.partial(cell.step, params)
    got = jax.lax.scan(step, cell.initial_carry(params, (B,)), inputs)
    assert_close(got, unroll(cell, params, inputs), 1e-6)


def test_kernels_keep_the_variance_of_inputs():
    cell = lstm(40, recurrent_kernel_init=jax.nn.initializers.zeros)
    kernel = initial(cell, 400)["kernel"]
    assert abs(kernel.var() * 400 - 1) < 0.05

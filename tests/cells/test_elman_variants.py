"""Variants of Elman's network against their equations."""

import functools

import jax
import numpy as np

from rnnjax.cells.elman_variants import elman_before_activation, elman_with_output, irnn
from rnnjax.unroll import unroll
from tests.cells.paper import H, draw, equals_paper, initial, pre_activation, sigmoid
from tests.pytrees import assert_close


def test_irnn_keeps_what_it_saw(x64):
    """Le et al. 2015: at first a ReLU network that adds up what it is given."""
    cell = irnn(H, dtype=np.float64)
    params = jax.tree.map(np.abs, initial(cell))
    inputs = np.abs(draw(cell)[1])
    np.testing.assert_array_equal(params["recurrent_kernel"], np.eye(H))
    _, outputs = unroll(cell, params, inputs)
    assert_close(outputs, np.cumsum(inputs @ params["kernel"], 0), 1e-12)
    assert initial(irnn(H, scale=0.01))["recurrent_kernel"][1, 1] < 1


def test_irnn_draws_its_inputs_kernel_small():
    params = initial(irnn(40), 300)
    assert abs(params["kernel"].std() / 0.001 - 1) < 0.05
    wide = irnn(40, kernel_init=jax.nn.initializers.normal(1.0))
    assert abs(initial(wide, 300)["kernel"].std() - 1) < 0.05


@equals_paper(elman_before_activation)
def test_before_activation_equals_paper(params, c, x):
    """Pascanu et al. 2013, equation 2."""
    c = pre_activation(params, x, np.tanh(c))
    return (c,), np.tanh(c)


@equals_paper(
    functools.partial(elman_with_output, output_size=4, output_activation="sigmoid")
)
def test_with_output_equals_paper(params, h, x):
    h = np.tanh(pre_activation(params, x, h))
    o = h @ params["output_kernel"] + x @ params["skip_kernel"]
    return (h,), sigmoid(o + params["output_bias"])

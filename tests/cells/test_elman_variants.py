"""Variants of Elman's network against their equations, and their reductions."""

import jax
import numpy as np
import pytest

from rnnjax import elman
from rnnjax.cells.elman_variants import (
    elman_before_activation,
    elman_with_output,
    irnn,
)
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import D, H, check_against_paper, draw, pre_activation
from tests.pytrees import assert_close


def test_irnn_keeps_what_it_saw(x64):
    """Le et al. 2015: at first a ReLU network that adds up what it is given."""
    cell = irnn(H)
    params, inputs = jax.tree.map(np.abs, paper.draw_initial(cell))
    np.testing.assert_array_equal(params["recurrent_kernel"], np.eye(H))
    _, outputs = unroll(cell, params, inputs)
    assert_close(outputs, np.cumsum(inputs @ params["kernel"], 0), 1e-12)
    assert irnn(H, scale=0.01).init(jax.random.key(0), D)["recurrent_kernel"][1, 1] < 1


def test_irnn_draws_its_inputs_kernel_small():
    params = irnn(40).init(jax.random.key(0), 300)
    assert abs(params["kernel"].std() / 0.001 - 1) < 0.05
    wide = irnn(40, kernel_init=jax.nn.initializers.normal(1.0))
    assert abs(wide.init(jax.random.key(0), 300)["kernel"].std() - 1) < 0.05


def test_before_activation_equals_paper(x64):
    """Pascanu et al. 2013, equation 2."""

    def step(params, c, x):
        c = pre_activation(params, x, np.tanh(c))
        return (c,), np.tanh(c)

    check_against_paper(elman_before_activation(H), paper.with_outputs(step))


def test_before_activation_is_elman(x64):
    cell = elman_before_activation(H, activation="relu")
    params, inputs = draw(cell)
    _, outputs = unroll(cell, params, inputs)
    assert_close(outputs, unroll(elman(H, activation="relu"), params, inputs)[1], 1e-12)


@pytest.mark.parametrize("use_bias", [True, False])
def test_with_output_equals_paper(x64, use_bias):
    def step(params, h, x):
        h = np.tanh(pre_activation(params, x, h))
        o = h @ params["output_kernel"] + x @ params["skip_kernel"]
        return (h,), paper.sigmoid(o + params["output_bias"] if use_bias else o)

    cell = elman_with_output(H, 4, output_activation="sigmoid", use_bias=use_bias)
    check_against_paper(cell, paper.with_outputs(step))


def test_shortcut_of_zeros_and_identity_is_elman(x64):
    plain, inputs = draw(elman(H))
    identity = {"output_kernel": np.eye(H), "output_bias": np.zeros(H)}
    params = plain | identity | {"skip_kernel": np.zeros((D, H))}
    got = unroll(elman_with_output(H, H), params, inputs)
    assert_close(got, unroll(elman(H), plain, inputs), 1e-14)

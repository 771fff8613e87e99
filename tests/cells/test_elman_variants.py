"""Other simple recurrent networks against their equations, and their reductions."""

import jax
import numpy as np
import pytest

from rnnjax import elman
from rnnjax.cells.elman_variants import (
    elman_before_activation,
    elman_with_output,
    irnn,
)
from rnnjax.cells.higher_order import higher_order
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper, sigmoid
from tests.trees import assert_close, assert_same_bits

OUT = 4


def draw(cell, seed=0):
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda x: rng.normal(size=x.shape), shapes), rng


def test_irnn_keeps_what_it_saw(x64):
    """Le et al. 2015: at first a ReLU network that adds up what it is given."""
    cell = irnn(H)
    params = jax.tree.map(np.float64, cell.init(jax.random.key(0), D))
    np.testing.assert_array_equal(params["recurrent_kernel"], np.eye(H))
    inputs = np.abs(np.random.default_rng(0).normal(size=(T, B, D)))
    params["kernel"] = np.abs(params["kernel"])
    _, outputs = unroll(cell, params, inputs)
    assert_close(outputs, np.cumsum(inputs @ params["kernel"], 0), 1e-12)
    assert irnn(H, scale=0.01).init(jax.random.key(0), D)["recurrent_kernel"][1, 1] < 1
    assert irnn(H, use_bias=False, scale=1.0) is irnn(H, scale=1.0, use_bias=False)


def test_irnn_draws_its_inputs_kernel_small():
    params = irnn(40).init(jax.random.key(0), 300)
    assert abs(params["kernel"].std() / 0.001 - 1) < 0.05
    wide = irnn(40, kernel_init=jax.nn.initializers.normal(1.0))
    assert abs(wide.init(jax.random.key(0), 300)["kernel"].std() - 1) < 0.05


def test_before_activation_equals_paper(x64):
    """Pascanu et al. 2013, equation 2."""

    def from_paper(params, carry, inputs):
        (c,), outputs = carry, []
        for x in inputs:
            c = np.tanh(c) @ params["recurrent_kernel"] + x @ params["kernel"]
            c = c + params["bias"]
            outputs.append(np.tanh(c))
        return (c,), np.stack(outputs)

    check_against_paper(elman_before_activation(H), from_paper)


def test_before_activation_is_elman(x64):
    cell = elman_before_activation(H, activation="relu")
    params, rng = draw(cell)
    inputs = rng.normal(size=(T, B, D))
    _, outputs = unroll(cell, params, inputs)
    assert_close(outputs, unroll(elman(H, activation="relu"), params, inputs)[1], 1e-12)


@pytest.mark.parametrize("use_bias", [True, False])
def test_with_output_equals_paper(x64, use_bias):
    def from_paper(params, carry, inputs):
        (h,), outputs = carry, []
        for x in inputs:
            h = x @ params["kernel"] + h @ params["recurrent_kernel"]
            h = np.tanh(h + params["bias"] if use_bias else h)
            o = h @ params["output_kernel"] + x @ params["skip_kernel"]
            outputs.append(sigmoid(o + params["output_bias"] if use_bias else o))
        return (h,), np.stack(outputs)

    cell = elman_with_output(H, OUT, output_activation="sigmoid", use_bias=use_bias)
    check_against_paper(cell, from_paper)


def test_shortcut_of_zeros_and_identity_is_elman(x64):
    cell = elman_with_output(H, H)
    params, rng = draw(cell)
    params |= {"output_kernel": np.eye(H), "output_bias": np.zeros(H)}
    params["skip_kernel"] = np.zeros((D, H))
    inputs = rng.normal(size=(T, B, D))
    assert_close(unroll(cell, params, inputs), unroll(elman(H), params, inputs), 1e-14)


def test_higher_order_equals_paper(x64):
    """Soltani and Jiang 2016, equation 3."""

    def from_paper(params, carry, inputs):
        kernels = np.split(params["recurrent_kernel"], 3)
        states, outputs = list(carry), []
        for x in inputs:
            a = x @ params["kernel"] + params["bias"]
            a = a + sum(h @ kernel for h, kernel in zip(states, kernels))
            states = [np.tanh(a), *states[:-1]]
            outputs.append(states[0])
        return states, np.stack(outputs)

    check_against_paper(higher_order(H, 3), from_paper)


def test_order_one_is_elman(x64):
    params, rng = draw(elman(H))
    inputs = rng.normal(size=(T, B, D))
    (carry,), outputs = unroll(higher_order(H, 1), params, inputs)
    assert_same_bits((carry, outputs), unroll(elman(H), params, inputs))


def test_every_matrix_of_higher_order_is_orthogonal():
    params = higher_order(H, 3).init(jax.random.key(0), D)
    first, second, third = np.split(params["recurrent_kernel"], 3)
    for kernel in (first, second, third):
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(H), atol=1e-5)
    assert not np.allclose(first, second, atol=0.1)
    assert not np.allclose(second, third, atol=0.1)


@pytest.mark.parametrize("order", [0, -1, 1.5])
def test_order_must_be_positive(order):
    with pytest.raises(ValueError, match="order must be a positive whole number"):
        higher_order(H, order)

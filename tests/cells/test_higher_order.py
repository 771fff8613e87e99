"""Recurrent networks of higher order against their equation."""

import jax
import numpy as np

from rnnjax import elman
from rnnjax.cells.higher_order import higher_order
from rnnjax.unroll import unroll
from tests.cells.paper import D, H, check_against_paper, draw, over_time
from tests.pytrees import assert_same_bits


def test_higher_order_equals_paper(x64):
    """Soltani and Jiang 2016, equation 3."""

    def step(params, *states_and_x):
        *states, x = states_and_x
        a = x @ params["kernel"] + params["bias"]
        kernels = np.split(params["recurrent_kernel"], 3)
        a = a + sum(h @ kernel for h, kernel in zip(states, kernels))
        return np.tanh(a), *states[:-1]

    check_against_paper(higher_order(H, 3), over_time(step))


def test_order_one_is_elman(x64):
    params, inputs = draw(elman(H))
    (carry,), outputs = unroll(higher_order(H, 1), params, inputs)
    assert_same_bits((carry, outputs), unroll(elman(H), params, inputs))


def test_every_matrix_of_higher_order_is_orthogonal():
    params = higher_order(H, 3).init(jax.random.key(0), D)
    first, second, third = np.split(params["recurrent_kernel"], 3)
    for kernel in (first, second, third):
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(H), atol=1e-5)
    assert not np.allclose(first, second, atol=0.1)
    assert not np.allclose(second, third, atol=0.1)

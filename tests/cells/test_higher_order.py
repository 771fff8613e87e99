"""Recurrent networks of higher order against their equation."""

import functools

import numpy as np

from rnnjax.cells.higher_order import higher_order
from tests.cells.paper import H, equals_paper, initial


@equals_paper(functools.partial(higher_order, order=3))
def test_equals_paper(params, *states_and_x):
    """Soltani and Jiang 2016, equation 3."""
    *states, x = states_and_x
    a = x @ params["kernel"] + params["bias"]
    kernels = np.split(params["recurrent_kernel"], 3)
    a = a + sum(h @ kernel for h, kernel in zip(states, kernels))
    return np.tanh(a), *states[:-1]


def test_every_matrix_is_orthogonal():
    params = initial(higher_order(H, 3))
    first, second, third = np.split(params["recurrent_kernel"], 3)
    for kernel in (first, second, third):
        np.testing.assert_allclose(kernel @ kernel.T, np.eye(H), atol=1e-5)
    assert not np.allclose(first, second, atol=0.1)
    assert not np.allclose(second, third, atol=0.1)

"""Layer normalization inside a step; the cells that have it test its equation."""

import jax
import numpy as np

from rnnjax.cells.parts.normalization import layer_norm


def test_equal_entries_are_finite_and_have_a_gradient():
    def total(x):
        return layer_norm(x, np.float32([1, 2, 3]), 1e-5).sum()

    value, gradient = jax.value_and_grad(total)(np.full(3, 7, np.float32))
    assert value == 0 and np.isfinite(gradient).all()

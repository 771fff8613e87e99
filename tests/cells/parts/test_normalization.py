"""Layer normalization inside a step against its equation."""

import jax
import numpy as np

from rnnjax.cells.parts.normalization import layer_norm
from tests.pytrees import assert_close


def test_equals_equation(x64):
    """Ba et al. 2016, equation 4; the gains are the last factor."""
    x, scale = np.random.default_rng(0).normal(size=(2, 3, 5))
    want = scale * (x - x.mean(-1)[:, None]) / np.sqrt(x.var(-1) + 0.1)[:, None]
    assert_close(layer_norm(x, scale, 0.1), want, 1e-14)


def test_equal_entries_are_finite_and_have_a_gradient():
    def total(x):
        return layer_norm(x, np.float32([1, 2, 3]), 1e-5).sum()

    value, gradient = jax.value_and_grad(total)(np.full(3, 7, np.float32))
    assert value == 0 and np.isfinite(gradient).all()

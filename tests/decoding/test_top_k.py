"""The largest entries by blocks against those of a stable sort."""

import jax
import numpy as np
import pytest

from rnnjax.decoding.top_k import top_k


@pytest.mark.parametrize("n", [50, 5000, 5008])
def test_the_largest_entries_are_those_of_a_stable_sort(n):
    """Many are equal, some -inf; short rows and long ones, in whole blocks or not."""
    rng = np.random.default_rng(n)
    x = rng.integers(40, size=(2, 30, n)).astype(np.float32)
    x[0, :10] = rng.normal(size=(10, n))
    x[1, :5, 7:] = -np.inf
    x[1, 5, : n - 9] = -np.inf
    values, places = jax.jit(top_k, static_argnums=1)(x, 9)
    want = np.argsort(-x, axis=-1, kind="stable")[..., :9]
    np.testing.assert_array_equal(places, want)
    np.testing.assert_array_equal(values, np.take_along_axis(x, want, axis=-1))

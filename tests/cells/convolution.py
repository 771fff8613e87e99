"""Convolution in NumPy, position by position, and cells at one position."""

import itertools

import jax
import numpy as np

from rnnjax.unroll import unroll
from tests.cells.paper import draw
from tests.pytrees import assert_close


def convolve(x, kernel):
    """Convolves `[..., *spatial, channels]`, zeros beyond the edges.

    A kernel of size k reaches (k - 1) // 2 positions back, and the rest ahead.
    """
    *sizes, _, num_channels = kernel.shape
    spatial_shape = x.shape[x.ndim - 1 - len(sizes) : -1]
    out = np.zeros((*x.shape[: x.ndim - 1], num_channels))
    for place in itertools.product(*map(range, spatial_shape)):
        for tap in itertools.product(*map(range, sizes)):
            seen = tuple(p + k - (s - 1) // 2 for p, k, s in zip(place, tap, sizes))
            if all(0 <= p < size for p, size in zip(seen, spatial_shape)):
                out[(..., *place, slice(None))] += (
                    x[(..., *seen, slice(None))] @ kernel[tap]
                )
    return out


def check_one_position(make, plain, input_size, dimensions):
    """Compares a cell at one position, with kernels of one tap, with a plain cell."""
    ones = (1,) * dimensions
    params, inputs = draw(plain, 1, 0.4, input_size)
    spread = {
        name: x.reshape(*ones, *x.shape) if name.endswith("kernel") else x
        for name, x in params.items()
    }
    at_one = np.expand_dims(inputs, tuple(range(2, 2 + dimensions)))
    got = unroll(make(ones, ones), spread, at_one)
    got = jax.tree.map(lambda x: x.reshape(*x.shape[: -dimensions - 1], -1), got)
    assert_close(got, unroll(plain, params, inputs), 1e-12)

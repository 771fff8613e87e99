"""Convolution in NumPy, position by position."""

import itertools

import numpy as np


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

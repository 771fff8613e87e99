"""Gradients by finite differences, in float64, one number at a time."""

import numpy as np

STEP = 1e-6


def difference_gradient(function, arrays):
    """Takes central differences of a scalar function of a dict of arrays.

    Args:
      function: from a dict of float64 arrays to a number.
      arrays: where to take them.

    Returns:
      A dict of gradients, right to about 1e-9 where values and curvature are near 1.
    """
    grads = {name: np.empty_like(x) for name, x in arrays.items()}
    for name, x in arrays.items():
        for index in np.ndindex(x.shape):
            moved = x.copy()
            moved[index] = x[index] + STEP
            ahead = function(arrays | {name: moved})
            moved[index] = x[index] - STEP
            behind = function(arrays | {name: moved})
            grads[name][index] = (ahead - behind) / (2 * STEP)
    return grads

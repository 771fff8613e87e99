"""Gradients by finite differences, in float64."""

import jax
import numpy as np

STEP = 1e-6


def difference_gradient(function, arrays):
    """Takes central differences of a scalar function, one number at a time.

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


def differences_along(function, tree, directions):
    """Takes central differences of a scalar function along directions of every leaf.

    Few evaluations compare a gradient of many numbers: a wrong number in it changes the
    derivative along a random direction.

    Args:
      function: from a pytree of float64 arrays to a number.
      tree: where to take them.
      directions: like `tree`, several of each leaf, `[num_directions, *shape]`.

    Returns:
      Like `tree`, `[num_directions]` each.
    """
    leaves, tree_def = jax.tree.flatten(tree)

    def moved(place, distance):
        others = [*leaves]
        others[place] = leaves[place] + distance
        return function(tree_def.unflatten(others))

    found = [
        [moved(place, STEP * x) - moved(place, -STEP * x) for x in own]
        for place, own in enumerate(jax.tree.leaves(directions))
    ]
    return tree_def.unflatten([np.array(x) / (2 * STEP) for x in found])

"""Where two pytrees differ, in words."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def is_floating(x):
    """Returns whether an array has a dtype of floating numbers."""
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)


def part(tree: Any) -> tuple[list, Callable[[list], Any]]:
    """Separates the floating leaves of a pytree, which have gradients, from the rest.

    Args:
      tree: any pytree of arrays.

    Returns:
      The floating leaves, and a function that puts such leaves back into the tree.

    Example:
      >>> floats, put_back = part({"count": 3, "h": 0.5})
      >>> put_back([2 * x for x in floats])
      {'count': 3, 'h': 1.0}
    """
    leaves, tree_def = jax.tree.flatten(tree)
    floating = [is_floating(x) for x in leaves]

    def put_back(floats):
        floats = iter(floats)
        return tree_def.unflatten(
            [next(floats) if own else x for own, x in zip(floating, leaves)]
        )

    return [x for own, x in zip(floating, leaves) if own], put_back


def steps(tree, index):
    """Indexes the first axes of every leaf; the first of all is mostly time."""
    return jax.tree.map(lambda x: x[index], tree)


def difference(got, want, tolerance=1e-9, what="it"):
    """Describes at which leaf two pytrees differ, and by how much.

    Args:
      got: a pytree.
      want: what it should be.
      tolerance: for floating leaves, max|got - want| <= tolerance * max(1, max|want|);
        all others must be equal.
      what: what the message calls `got`.

    Returns:
      The first difference in words; None if there is none.
    """
    got_leaves, got_def = jax.tree.flatten_with_path(got)
    want_leaves, want_def = jax.tree.flatten_with_path(want)
    if got_def != want_def:
        return f"{what} is {got_def}, not {want_def}"
    for (path, x), (_, y) in zip(got_leaves, want_leaves):
        name = what + jax.tree_util.keystr(path)
        if jnp.shape(x) != jnp.shape(y):
            return f"{name} has shape {jnp.shape(x)}, not {jnp.shape(y)}"
        if not is_floating(y):
            if not np.array_equal(x, y):
                return f"{name} is {x}, not {y}"
            continue
        x, y = np.float64(x), np.float64(y)
        distance = np.max(abs(x - y), initial=0)
        if not distance <= tolerance * np.max(abs(y), initial=1):
            return f"{name} is {distance:.2g} off"
    return None


def difference_of_bits(got, want, what="it"):
    """Describes at which leaf two pytrees differ in any bit; None if nowhere."""
    problem = difference_of_types(got, want, what)
    if problem is None:
        leaves = jax.tree.leaves(want)
        for (path, x), y in zip(jax.tree.leaves_with_path(got), leaves):
            if np.asarray(x).tobytes() != np.asarray(y).tobytes():
                distance = np.max(abs(np.float64(x) - np.float64(y)))
                name = what + jax.tree_util.keystr(path)
                return f"{name} has other bits, {distance:.2g} off"
    return problem


def difference_of_types(got, want, what="it"):
    """Describes at which leaf shapes or dtypes differ; None if nowhere."""
    if jax.tree.structure(got) != jax.tree.structure(want):
        return f"{what} is {jax.tree.structure(got)}, not {jax.tree.structure(want)}"
    leaves = jax.tree.leaves(want)
    for (path, x), y in zip(jax.tree.leaves_with_path(got), leaves):
        of_x, of_y = (
            f"{jnp.result_type(leaf)}{list(jnp.shape(leaf))}" for leaf in (x, y)
        )
        if of_x != of_y:
            return f"{what}{jax.tree_util.keystr(path)} is {of_x}, not {of_y}"
    return None


def not_zero(tree, what):
    """Describes the first leaf that has a number other than zero; None if none has."""
    for path, x in jax.tree.leaves_with_path(tree):
        if np.any(x):
            return f"{what}{jax.tree_util.keystr(path)} is not zero"
    return None


def not_finite(tree, what):
    """Describes the first leaf that has NaN or infinity; None if none has."""
    for path, x in jax.tree.leaves_with_path(tree):
        if not np.isfinite(x).all():
            return f"{what}{jax.tree_util.keystr(path)} is not finite"
    return None

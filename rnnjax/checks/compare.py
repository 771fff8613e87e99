"""Where two pytrees differ, in words."""

import jax
import jax.numpy as jnp
import numpy as np


def is_floating(x):
    """Returns whether an array has a dtype of floating numbers."""
    return jnp.issubdtype(jnp.result_type(x), jnp.floating)


def floats_of(tree):
    """Returns the floating leaves of a pytree."""
    return [x for x in jax.tree.leaves(tree) if is_floating(x)]


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


def difference_of_types(got, want, what):
    """Describes at which leaf shapes or dtypes differ; None if nowhere."""
    if jax.tree.structure(got) != jax.tree.structure(want):
        return f"{what} is {jax.tree.structure(got)}, not {jax.tree.structure(want)}"
    leaves = jax.tree.leaves(want)
    for (path, x), y in zip(jax.tree.leaves_with_path(got), leaves):
        if (x.shape, x.dtype) != (y.shape, y.dtype):
            name = what + jax.tree_util.keystr(path)
            return f"{name} is {x.dtype}{list(x.shape)}, not {y.dtype}{list(y.shape)}"
    return None

"""Pytrees: compared, drawn at random, parted into what has a gradient."""

import jax
import numpy as np

from rnnjax.checks.compare import difference, is_floating


def assert_close(got, want, tolerance):
    """Checks max|got - want| <= tolerance * max(1, max|want|), leaf by leaf."""
    problem = difference(got, want, tolerance)
    assert problem is None, f"{problem}, allowed {tolerance:.3g}"


def assert_same_bits(got, want):
    """Checks that two trees hold the same bits."""
    paths, got_def = jax.tree.flatten_with_path(got)
    assert got_def == jax.tree.structure(want)
    for (path, x), y in zip(paths, jax.tree.leaves(want)):
        x, y = np.asarray(x), np.asarray(y)
        where = jax.tree_util.keystr(path)
        assert (x.dtype, x.shape) == (y.dtype, y.shape), where
        assert x.tobytes() == y.tobytes(), f"{where}: other bits"


def part(tree):
    """Parts a tree into its floating leaves and what puts them back."""
    leaves, tree_def = jax.tree.flatten(tree)
    floating = [is_floating(x) for x in leaves]

    def put_back(floats):
        floats = iter(floats)
        return tree_def.unflatten(
            [next(floats) if f else x for f, x in zip(floating, leaves)]
        )

    return [x for f, x in zip(floating, leaves) if f], put_back


def draw_like(rng, tree, dtype=np.float64, scale=0.4):
    """Draws normal values for floating leaves, whole numbers below 9 for others."""

    def draw(x):
        if is_floating(x):
            return (scale * rng.normal(size=x.shape)).astype(dtype)
        return rng.integers(9, size=x.shape).astype(x.dtype)

    return jax.tree.map(draw, tree)


def steps(tree, index):
    """Indexes the axis of time, and what follows it, of every leaf."""
    return jax.tree.map(lambda x: x[index], tree)

"""Pytrees: compared, drawn at random, parted into what has a gradient."""

import jax
import numpy as np

from rnnjax.checks.compare import (
    difference,
    difference_of_bits,
    is_floating,
    part,
    steps,
)

__all__ = ["assert_close", "assert_same_bits", "draw_like", "holds", "is_floating"]
__all__ += ["part", "steps"]


def holds(problem):
    """Checks that a contract or a comparison found nothing wrong."""
    assert problem is None, problem


def assert_close(got, want, tolerance):
    """Checks max|got - want| <= tolerance * max(1, max|want|), leaf by leaf."""
    problem = difference(got, want, tolerance)
    assert problem is None, f"{problem}, allowed {tolerance:.3g}"


def assert_same_bits(got, want):
    """Checks that two trees hold the same bits."""
    holds(difference_of_bits(got, want))


def draw_like(rng, tree, dtype=np.float64, scale=0.4):
    """Draws normal values for floating leaves, whole numbers below 9 for others."""

    def draw(x):
        if is_floating(x):
            return (scale * rng.normal(size=x.shape)).astype(dtype)
        return rng.integers(9, size=x.shape).astype(x.dtype)

    return jax.tree.map(draw, tree)

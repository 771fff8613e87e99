"""Whether a cell's `recur` is affine in the carry."""

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Cell, Params, prepared
from rnnjax.checks.compare import is_floating


def check_affine(
    cell: Cell, params: Params, *, tolerance: float = 1e-4, seed: int = 0
) -> None:
    """Checks that a cell's `recur` is affine in the carry, as `Factors` requires.

    An affine map takes a mean to the mean: for two random carries x and y,
    recur(x / 2 + y / 2) = recur(x) / 2 + recur(y) / 2. Leaves of the carry that are
    not floating, such as counters, are the same in both. `hoisted` gives correct
    gradients for any `recur`, but evaluates a nonlinear one again in the loop of its
    derivative: move what is not affine to `update`.

    Args:
      cell: the cell. One without factors passes.
      params: its parameters.
      tolerance: largest difference of the two sides, relative to the largest entry or
        to 1; rounding to bfloat16 needs 0.02.
      seed: seed of the random carries.

    Raises:
      ValueError: if it is not affine; the message names the leaf and the difference.

    Example:
      >>> cell = rnnjax.lstm(4)
      >>> check_affine(cell, cell.init(jax.random.key(0), 3))
    """
    if cell.factors is None:
        return
    params = prepared(cell, params)
    rng = np.random.default_rng(seed)
    x, y = (_draw_around(rng, cell.initial_carry(params)) for _ in range(2))
    recur = jax.jit(cell.factors.recur)
    of_mean = recur(params, _mean(x, y))
    wanted = _mean(recur(params, x), recur(params, y))
    pairs = zip(jax.tree.leaves_with_path(of_mean), jax.tree.leaves(wanted))
    for (path, got), want in pairs:
        distance = jnp.max(jnp.abs(got - want), initial=0)
        if not distance <= tolerance * jnp.max(jnp.abs(want), initial=1):
            leaf = f"pull{jax.tree_util.keystr(path)}"
            raise ValueError(
                f"cell.factors.recur must be affine in the carry, got {leaf} "
                f"{distance:.2g} off at the mean of two carries."
            )


def _draw_around(rng, tree):
    """Draws normal values around the floating leaves of a pytree."""
    return jax.tree.map(
        lambda x: x + rng.normal(size=x.shape).astype(x.dtype) if is_floating(x) else x,
        tree,
    )


def _mean(x, y):
    return jax.tree.map(lambda x, y: (x + y) / 2 if is_floating(x) else x, x, y)

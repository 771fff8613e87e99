"""Keeps updates from writing non-finite numbers into the state."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


class Diverged(Exception):
    """A loss, a gradient or a metric is no longer finite."""


def guarded(update: Callable) -> Callable:
    """Makes an update return the old state if the new one is not finite.

    Every leaf of the old state is kept if the loss or the norm of the gradient is not
    finite, or if a finite number of the state would become non-finite. So neither the
    parameters nor the optimizer's averages ever hold a NaN. Apply it inside `jax.jit`:
    `jax.jit(guarded(update))`.

    Args:
      update: `update(state, *args) -> (state, metrics)`, pure; `metrics` has the
        scalars `loss` and `grad_norm`.

    Returns:
      The same function with one more metric, `finite`: false if the old state was kept.
      `fit` then stops, without logging the update.
    """

    @functools.wraps(update)
    def guarded_update(state, *args):
        new_state, metrics = update(state, *args)
        finite = jnp.isfinite(metrics["loss"]) & jnp.isfinite(metrics["grad_norm"])
        for new, old in zip(
            jax.tree.leaves(new_state), jax.tree.leaves(state), strict=True
        ):
            if jnp.issubdtype(jnp.result_type(new), jnp.inexact):
                finite &= jnp.all(jnp.isfinite(new) | ~jnp.isfinite(old))
        kept = jax.tree.map(lambda n, o: jnp.where(finite, n, o), new_state, state)
        return kept, {**metrics, "finite": finite}

    return guarded_update


def is_finite(metrics: dict[str, Any]) -> bool:
    """Returns whether the training may continue after an update.

    Args:
      metrics: the update's scalars on the host, with `finite` if it is `guarded`.
    """
    finite = math.isfinite(metrics["loss"]) and math.isfinite(metrics["grad_norm"])
    return bool(finite and metrics.get("finite", True))

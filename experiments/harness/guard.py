"""Against non-finite numbers: no update may write one into the state."""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


class Diverged(Exception):
    """A loss, a gradient or a metric is not finite any more."""


def guarded(update: Callable) -> Callable:
    """Makes an update keep the whole old state where the new one is not finite.

    The old state is kept, every leaf of it, if the loss or the norm of the gradient
    is not finite or if a number of the state that was finite would not be finite any
    more. So the parameters never become NaN, nor does the optimizer remember one.
    Apply it inside `jax.jit`: `jax.jit(guarded(update))`.

    Args:
      update: `update(state, *args) -> (state, metrics)`, pure; `metrics` has the
        scalars `loss` and `grad_norm`.

    Returns:
      The same function with one more metric, `finite`: false where the old state was
      kept. `fit` stops there and does not log it.
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
    """Says whether an update's metrics allow going on.

    Args:
      metrics: scalars on the host, with `finite` if the update is `guarded`.
    """
    finite = math.isfinite(metrics["loss"]) and math.isfinite(metrics["grad_norm"])
    return bool(finite and metrics.get("finite", True))

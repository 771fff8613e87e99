"""Range tests: the highest learning rate or clipping threshold that is stable."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer

from rnnjax.base import Array, check_positive


class RangeTest(NamedTuple):
    """The result of a range test.

    Attributes:
      chosen: the highest candidate such that it and all lower ones are stable; NaN
        if the lowest is not.
      stable: `[num_candidates]` bool.
      losses: `[num_candidates, num_updates]`.
    """

    chosen: Array
    stable: Array
    losses: Array


def range_test(
    train: Callable[[Array], Array],
    candidates: Array,
    *,
    window: int = 10,
    max_rise: float = 2.0,
) -> RangeTest:
    """Trains briefly with every candidate and chooses the highest stable one.

    A training is stable if all its losses are finite and no mean over `window` updates
    is more than `max_rise` times the first loss or an earlier mean. All trainings run
    side by side, in one `vmap`. A candidate above an unstable one is not chosen, even
    if it happens to be stable.

    Args:
      train: from a candidate, a traced scalar, to the losses `[num_updates]` of a short
        training; losses are not negative.
      candidates: `[num_candidates]`, positive and ascending, such as
        `jnp.geomspace(0.1, 100, 7)`.
      window: in updates.
      max_rise: largest factor over the lowest of them.

    Returns:
      The chosen candidate, and the losses of all.

    Raises:
      ValueError: if the candidates are not positive and ascending, `window` or
        `max_rise` is not positive, or there are fewer updates than a window.

    Example:
      >>> def train(learning_rate):
      ...     factors = jnp.full(20, 1 - learning_rate)
      ...     return jnp.cumprod(factors) ** 2  # of w² / 2 by gradient descent
      >>> float(range_test(train, jnp.array([0.5, 1.0, 1.9, 2.1]), window=5).chosen)
      1.899999976158142
    """
    check_positive(window=window)
    if not max_rise > 0:
        raise ValueError(f"max_rise must be positive, got {max_rise}.")
    _check_candidates(candidates)
    losses = jax.vmap(train)(candidates)
    num_updates = losses.shape[1]
    if num_updates < window:
        raise ValueError(
            f"train must return at least {window} losses, a window, got {num_updates}."
        )
    whole = losses[:, num_updates % window :]
    means = whole.reshape(len(losses), -1, window).mean(axis=-1)
    lowest = lax.cummin(jnp.concatenate([losses[:, :1], means], axis=1), axis=1)
    rises = means > max_rise * lowest[:, :-1]
    stable = jnp.isfinite(losses).all(axis=1) & ~rises.any(axis=1)
    so_far = jnp.cumsum(~stable) == 0
    highest = jnp.max(jnp.where(so_far, candidates, 0))
    return RangeTest(jnp.where(so_far[0], highest, jnp.nan), stable, losses)


def _check_candidates(candidates):
    if isinstance(candidates, Tracer):
        return
    ascending = candidates[0] > 0 and (candidates[1:] > candidates[:-1]).all()
    if not ascending:
        raise ValueError(
            f"candidates must be positive and ascending, got {candidates}."
        )

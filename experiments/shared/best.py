"""The best parameters so far, and a learning rate that falls when they stay so."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from rnnjax.base import Array


class Best(NamedTuple):
    """What a training state keeps of its evaluations, as its branch `best`.

    Attributes:
      params: the parameters with the best score.
      score: that score; the greater, the better.
      num_since: evaluations since then.
      rate_scale: the factor of the learning rate, 1 at first.
    """

    params: Any
    score: Array
    num_since: Array
    rate_scale: Array


def first_best(params: Any) -> Best:
    """Makes the branch before the first evaluation, which will be better."""
    return Best(params, jnp.float32(-jnp.inf), jnp.int32(0), jnp.float32(1))


def keep_best(
    best: Best, params: Any, score: float, *, patience: int, decay_rate: float = 0.5
) -> Best:
    """Keeps the parameters if their score is the best, else may lower the rate.

    Args:
      best: the branch so far.
      params: the parameters that were evaluated.
      score: their score on the validation part; the greater, the better.
      patience: after each such number of evaluations without a better score the rate is
        lowered.
      decay_rate: the factor by which it is lowered.

    Returns:
      The branch after the evaluation.

    Example:
      >>> best = first_best({"w": 1.0})
      >>> for score in (0.5, 0.4, 0.3, 0.2, 0.6, 0.1):
      ...     best = keep_best(best, {"w": score}, score, patience=2)
      >>> best.params, int(best.num_since), float(best.rate_scale)
      ({'w': 0.6}, 1, 0.5)
    """
    if score > best.score:
        return Best(params, jnp.float32(score), jnp.int32(0), best.rate_scale)
    num_since = best.num_since + 1
    lowers = num_since % patience == 0
    rate_scale = best.rate_scale * jnp.where(lowers, jnp.float32(decay_rate), 1)
    return best._replace(num_since=num_since, rate_scale=rate_scale)

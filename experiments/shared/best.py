"""The best parameters so far, and a learning rate that falls when they stay so."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from flax import nnx

from rnnjax.base import Array


class Best(NamedTuple):
    """What a training state keeps of its evaluations.

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


class BestState(NamedTuple):
    """What a training changes that keeps its best parameters.

    Attributes:
      params: the parameters.
      opt_state: the optimizer's state.
      best: what is kept of the evaluations.
    """

    params: Any
    opt_state: optax.OptState
    best: Best


def initial_state(
    module: nnx.Module, optimizer: optax.GradientTransformation
) -> BestState:
    """Makes the state before the first update of a module."""
    params = nnx.as_pure(nnx.state(module))
    return BestState(params, optimizer.init(params), first_best(params))


def first_best(params: Any) -> Best:
    """Makes what is kept before the first evaluation, which will be better."""
    return Best(params, jnp.float32(-jnp.inf), jnp.int32(0), jnp.float32(1))


def keep_best(
    state: BestState, score: float, *, patience: int, decay_rate: float = 0.5
) -> BestState:
    """Keeps the parameters if their score is the best, else may lower the rate.

    Args:
      state: the state that was evaluated.
      score: its score on the validation part; the greater, the better.
      patience: after each such number of evaluations without a better score the rate is
        lowered.
      decay_rate: the factor by which it is lowered.

    Returns:
      The state after the evaluation.

    Example:
      >>> state = BestState({"w": 1.0}, (), first_best({"w": 1.0}))
      >>> for score in (0.5, 0.4, 0.3, 0.2, 0.6, 0.1):
      ...     state = keep_best(state._replace(params=score), score, patience=2)
      >>> state.best.params, int(state.best.num_since), float(state.best.rate_scale)
      (0.6, 1, 0.5)
    """
    best = state.best
    if score > best.score:
        kept = Best(state.params, jnp.float32(score), jnp.int32(0), best.rate_scale)
        return state._replace(best=kept)
    num_since = best.num_since + 1
    lowers = num_since % patience == 0
    rate_scale = best.rate_scale * jnp.where(lowers, jnp.float32(decay_rate), 1)
    return state._replace(
        best=best._replace(num_since=num_since, rate_scale=rate_scale)
    )

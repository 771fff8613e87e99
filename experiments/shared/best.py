"""The best parameters so far, and a learning rate that falls when they stay so."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments.harness import guarded
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


def make_update(
    loss: Callable[[Any, Any, Array | None], Array],
    optimizer: optax.GradientTransformation,
    *,
    penalty: Callable[[Any], Array] | None = None,
    compiler_options: dict[str, Any] | None = None,
) -> Callable[[BestState, Any, Array | None, int], tuple[BestState, dict[str, Array]]]:
    """Makes `update(state, batch, key, i)`, compiled once per shape of a batch.

    It takes a step of the optimizer, scaled by the rate of `state.best`, unless
    something is not finite. What is drawn is a function of `key` and `i`; with None as
    the key nothing is.

    Args:
      loss: `loss(params, batch, key)`, the scalar that is differentiated and logged.
      optimizer: the optimizer.
      penalty: a function of the parameters that is differentiated too and not logged;
        None: there is none.
      compiler_options: those of `jax.jit`.

    Returns:
      The update. Its metrics are `loss`, `grad_norm` and `finite`, see `guarded`.
    """

    def objective(params, batch, key):
        nats = loss(params, batch, key)
        return nats if penalty is None else nats + penalty(params), nats

    @guarded
    def update(state, batch, key, i):
        own_key = None if key is None else jax.random.fold_in(key, i)
        (_, nats), grads = jax.value_and_grad(objective, has_aux=True)(
            state.params, batch, own_key
        )
        steps, opt_state = optimizer.update(grads, state.opt_state, state.params)
        steps = jax.tree.map(lambda step: state.best.rate_scale * step, steps)
        params = optax.apply_updates(state.params, steps)
        metrics = {"loss": nats, "grad_norm": optax.tree.norm(grads)}
        return BestState(params, opt_state, state.best), metrics

    return jax.jit(update, compiler_options=compiler_options)


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

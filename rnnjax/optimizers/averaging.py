"""Averaging of parameters: of the latest updates, or of those after a trigger."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from rnnjax.base import Array, Params, check_positive
from rnnjax.optimizers.states import state_of


class AveragingState(NamedTuple):
    """The average, and the losses that decide when averaging begins.

    Attributes:
      averaging: whether averaging has begun.
      count: how many updates are in the average.
      average: the mean of the parameters after each of these updates.
      best: the lowest validation loss before the recent ones; inf if there is none.
      recent: `[patience]`, the latest validation losses, inf where there is none yet.
    """

    averaging: Array
    count: Array
    average: Params
    best: Array
    recent: Array


def non_monotonic_averaging(patience: int = 5) -> optax.GradientTransformation:
    """Averages the parameters once validation stops improving.

    Put it last in a chain; it changes no update. Pass it every validation loss with
    `record_validation`: averaging begins with the update after the first loss that is
    higher than the lowest one before the latest `patience`. Evaluate with
    `averaged_params`; training continues from the parameters themselves.

    Args:
      patience: n, in validations.

    Returns:
      The transformation; its state is an `AveragingState`. Its update needs `params`.

    Raises:
      ValueError: if `patience` is not positive; on update, if there are no `params`.

    References:
      Merity, Keskar and Socher, "Regularizing and Optimizing LSTM Language Models",
      ICLR 2018, algorithm 1.
    """
    check_positive(patience=patience)
    return _averaging(patience, begins=False)


def moving_average(num_updates: int) -> optax.GradientTransformation:
    """Averages the parameters from the first update on, the old ones fading.

        meanₖ = meanₖ₋₁ + (xₖ - meanₖ₋₁) / min(k, num_updates)

    It is the mean of all until update `num_updates`, then an exponential one. Put it
    last in a chain; it changes no update. Evaluate with `averaged_params`; training
    continues from the parameters themselves.

    Args:
      num_updates: updates over which the mean goes, such as those of an epoch.

    Returns:
      The transformation; its state is an `AveragingState`. Its update needs `params`.

    Raises:
      ValueError: if `num_updates` is not positive; on update, if there are no `params`.

    Example:
      >>> optimizer = optax.chain(optax.sgd(1.0), moving_average(2))
      >>> params = jnp.array(8.0)
      >>> state = optimizer.init(params)
      >>> for grad in (4.0, 2.0, 1.0):  # to 4, 2 and 1
      ...     updates, state = optimizer.update(jnp.array(grad), state, params)
      ...     params = optax.apply_updates(params, updates)
      >>> float(averaged_params(state, params))  # halfway from 3 to 1
      2.0

    References:
      Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging",
      1992.
    """
    check_positive(num_updates=num_updates)
    return _averaging(1, begins=True, most=num_updates)


def _averaging(
    patience: int, *, begins: bool, most: int | None = None
) -> optax.GradientTransformation:
    """Makes an averaging that has begun, or waits; over at most so many updates."""

    def init(params):
        return AveragingState(
            averaging=jnp.array(begins),
            count=jnp.zeros((), jnp.int32),
            average=jax.tree.map(lambda x: jnp.zeros_like(x, _wide(x)), params),
            best=jnp.array(jnp.inf),
            recent=jnp.full(patience, jnp.inf),
        )

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("params must be given to update, got None.")
        count = state.count + state.averaging
        span = jnp.maximum(count, 1) if most is None else jnp.minimum(count, most)

        def include(mean, x):
            moved = mean + (x.astype(mean.dtype) - mean) / span
            return jnp.where(state.averaging, moved, mean)

        after = optax.apply_updates(params, updates)
        average = jax.tree.map(include, state.average, after)
        return updates, state._replace(count=count, average=average)

    return optax.GradientTransformation(init, update)


def nt_asgd(
    learning_rate: optax.ScalarOrSchedule, *, patience: int = 5
) -> optax.GradientTransformation:
    """Makes gradient descent with averaging on a non-monotonic trigger (NT-ASGD).

    See `non_monotonic_averaging`, which works after any other optimizer too.

    Args:
      learning_rate: of `optax.sgd`; 30 in the paper, with gradients clipped at 0.25.
      patience: n, in validations.

    Returns:
      The optimizer.

    Raises:
      ValueError: if `patience` is not positive.

    Example:
      >>> optimizer = nt_asgd(0.5, patience=1)
      >>> params = jnp.array(8.0)
      >>> state = optimizer.init(params)
      >>> for validation_loss in (3.0, 2.0, 4.0, 4.0):
      ...     state = record_validation(state, validation_loss)
      ...     updates, state = optimizer.update(params, state, params)
      ...     params = optax.apply_updates(params, updates)
      >>> float(params), float(averaged_params(state, params))  # of 1.0 and 0.5
      (0.5, 0.75)
    """
    return optax.chain(optax.sgd(learning_rate), non_monotonic_averaging(patience))


def record_validation(opt_state: Any, loss: jax.typing.ArrayLike) -> Any:
    """Passes a validation loss to the averaging in an optimizer's state.

    Args:
      opt_state: the optimizer's state.
      loss: the latest validation loss; NaN counts as infinite.

    Returns:
      The new optimizer state.

    Raises:
      ValueError: unless there is exactly one averaging in the state.
    """
    state_of(AveragingState, opt_state)

    def record(node):
        if not isinstance(node, AveragingState):
            return node
        value = jnp.asarray(loss, node.recent.dtype)
        value = jnp.where(jnp.isnan(value), jnp.inf, value)
        return node._replace(
            averaging=node.averaging | (value > node.best),
            best=jnp.minimum(node.best, node.recent[0]),
            recent=jnp.append(node.recent[1:], value),
        )

    return jax.tree.map(
        record, opt_state, is_leaf=lambda node: isinstance(node, AveragingState)
    )


def averaged_params(opt_state: Any, params: Params) -> Params:
    """Returns the averaged parameters, or `params` before averaging has begun.

    Raises:
      ValueError: unless there is exactly one averaging in the state.
    """
    state = state_of(AveragingState, opt_state)
    return jax.tree.map(
        lambda mean, x: jnp.where(state.count > 0, mean.astype(x.dtype), x),
        state.average,
        params,
    )


def _wide(x):
    return jnp.promote_types(x.dtype, jnp.float32)

"""A guard against non-finite updates."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from rnnjax.base import Array, check_positive
from rnnjax.optimizers.states import state_of


class SkipState(NamedTuple):
    """The state of the guard.

    Attributes:
      skipped: number of non-finite updates that were skipped.
      in_a_row: number of them since the last finite one.
      stopped: whether the guard has stopped; then no further update is applied.
      inner: the state of the guarded optimizer after the last finite update.
    """

    skipped: Array
    in_a_row: Array
    stopped: Array
    inner: Any


def skip_nonfinite(
    optimizer: optax.GradientTransformation, max_skips: int
) -> optax.GradientTransformationExtraArgs:
    """Makes an optimizer skip and count non-finite updates, and finally stop.

    An update is skipped if the gradients, the updates or a part of the new state that
    was finite before hold NaN or Inf: zeros are returned and the optimizer's state is
    kept. After `max_skips` in a row all further updates are zeros. A non-finite update
    is never applied, unlike in `optax.apply_if_finite`, which applies updates after
    its limit.

    Under `vmap` every member has its own guard: one that diverges stays as it was, and
    the others are not affected. Outside `jit`, call `raise_if_stopped`.

    Args:
      optimizer: the whole optimizer, with its clipping.
      max_skips: number of skips in a row after which it stops.

    Returns:
      The optimizer; its state is a `SkipState`.

    Raises:
      ValueError: if `max_skips` is not positive.

    Example:
      >>> optimizer = skip_nonfinite(optax.sgd(0.5), max_skips=3)
      >>> params = jnp.array(4.0)
      >>> state = optimizer.init(params)
      >>> for grad in (jnp.nan, 1.0):
      ...     updates, state = optimizer.update(jnp.array(grad), state, params)
      ...     params = optax.apply_updates(params, updates)
      >>> float(params), int(skip_state(state).skipped)
      (3.5, 1)
    """
    check_positive(max_skips=max_skips)
    optimizer = optax.with_extra_args_support(optimizer)

    def init(params):
        zero = jnp.zeros((), jnp.int32)
        return SkipState(zero, zero, jnp.zeros((), bool), optimizer.init(params))

    def update(updates, state, params=None, **extra_args):
        new, inner = optimizer.update(updates, state.inner, params, **extra_args)
        finite = _all_finite((updates, new)) & _no_more_infinite(state.inner, inner)
        bad = ~finite & ~state.stopped
        applied = finite & ~state.stopped
        in_a_row = jnp.where(applied, 0, state.in_a_row + bad)
        zeros = jax.tree.map(jnp.zeros_like, new)
        return (
            _choose(applied, new, zeros),
            SkipState(
                skipped=state.skipped + bad,
                in_a_row=in_a_row,
                stopped=state.stopped | (in_a_row >= max_skips),
                inner=_choose(applied, inner, state.inner),
            ),
        )

    return optax.GradientTransformationExtraArgs(init, update)


def skip_state(opt_state: Any) -> SkipState:
    """Returns the state of the guard in an optimizer's state.

    Raises:
      ValueError: unless there is exactly one guard in the state.
    """
    return state_of(SkipState, opt_state)


def raise_if_stopped(opt_state: Any) -> None:
    """Raises an error if the guard has stopped; for use outside `jit`.

    Raises:
      FloatingPointError: if it has stopped, for any member of a `vmap`.
      ValueError: unless there is exactly one guard in the state.
    """
    state = skip_state(opt_state)
    if jnp.any(state.stopped):
        raise FloatingPointError(
            "Training has stopped: gradients or updates were not finite "
            f"{state.in_a_row} times in a row, {state.skipped} times in all."
        )


def _choose(condition, if_true, if_false):
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), if_true, if_false)


def _all_finite(tree):
    return jnp.all(jnp.array([jnp.isfinite(x).all() for x in jax.tree.leaves(tree)]))


def _no_more_infinite(old, new):
    """Returns whether all that was finite still is; a best loss may begin as Inf."""
    kept = jax.tree.map(
        lambda x, y: (jnp.isfinite(y) | ~jnp.isfinite(x)).all(), old, new
    )
    return jnp.all(jnp.array(jax.tree.leaves(kept), bool))

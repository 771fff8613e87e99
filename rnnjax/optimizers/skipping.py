"""A guard that skips updates which are not finite, and stops."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from rnnjax.base import Array, check_positive
from rnnjax.optimizers.states import state_of


class SkipState(NamedTuple):
    """What was skipped.

    Attributes:
      skipped: number of updates skipped because they were not finite.
      in_a_row: number of them since the last good one.
      stopped: whether the guard has stopped: no update is applied any more.
      inner: the state of the guarded optimizer, as the last good update left it.
    """

    skipped: Array
    in_a_row: Array
    stopped: Array
    inner: Any


def skip_nonfinite(
    optimizer: optax.GradientTransformation, max_skips: int
) -> optax.GradientTransformationExtraArgs:
    """Guards an optimizer: skips what is not finite, counts it, then stops.

    An update is skipped, with zeros in its place and the optimizer's state kept, if the
    gradients, the updates or what was finite in the state hold NaN or Inf. After
    `max_skips` in a row all updates are zeros for good. None is ever applied, unlike in
    `optax.apply_if_finite`, which applies what comes after its limit.

    Under `vmap` every member has a guard of its own, so one that diverges stands still
    and its neighbours go on untouched. Outside, call `raise_if_stopped`.

    Args:
      optimizer: the whole optimizer, with its clipping.
      max_skips: skips in a row after which it stops.

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
    """Returns what the guard in an optimizer's state has skipped.

    Raises:
      ValueError: if there is not one guard in the state.
    """
    return state_of(SkipState, opt_state)


def raise_if_stopped(opt_state: Any) -> None:
    """Raises an error if the guard has stopped; outside of `jit`.

    Raises:
      FloatingPointError: if it has, or that of any member of a `vmap`.
      ValueError: if there is not one guard in the state.
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
    """Says whether all that was finite is finite; a best loss may begin as Inf."""
    kept = jax.tree.map(
        lambda x, y: (jnp.isfinite(y) | ~jnp.isfinite(x)).all(), old, new
    )
    return jnp.all(jnp.array(jax.tree.leaves(kept), bool))

"""Gradient clipping that records how much it clipped.

Put it first in an `optax.chain`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.core import Tracer

from rnnjax.base import Array
from rnnjax.optimizers.states import states_of

Threshold = jax.typing.ArrayLike


class ClipState(NamedTuple):
    """What clipping recorded at the latest update.

    Attributes:
      norm: global norm of the gradients before this clipping.
      clipped_share: the share that was clipped, from 0 to 1: of all gradients (0 or 1)
        by norm, of the entries by value, of the leaves by block.
    """

    norm: Array
    clipped_share: Array


def clip_by_norm(max_norm: Threshold) -> optax.GradientTransformation:
    """Scales the gradients so that their global norm is at most `max_norm`.

        g · min(1, max_norm / ‖g‖)

    The norm is computed without overflow, so a gradient of 1e30 is clipped and not
    zeroed. Gradients with NaN or Inf pass unchanged: see `skip_nonfinite`.

    Args:
      max_norm: the threshold; may be traced.

    Returns:
      The transformation; its state is a `ClipState`.

    Raises:
      ValueError: if `max_norm` is not positive.

    Example:
      >>> optimizer = optax.chain(clip_by_norm(1.0), optax.sgd(0.5))
      >>> params = jnp.zeros(2)
      >>> state = optimizer.init(params)
      >>> updates, state = optimizer.update(jnp.array([3.0, 4.0]), state, params)
      >>> updates
      Array([-0.3, -0.4], dtype=float32)
      >>> float(clip_states(state)[0].norm)
      5.0

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, algorithm 1.
    """
    _check_threshold("max_norm", max_norm)

    def clip(grads):
        norm = _norm(jax.tree.leaves(grads))
        too_long = norm > max_norm
        return _rescale(grads, norm, max_norm), norm, too_long.astype(norm.dtype)

    return _clipping(clip)


def clip_by_value(max_value: Threshold) -> optax.GradientTransformation:
    """Clips every entry of the gradients to ±`max_value`.

    Args:
      max_value: the threshold; may be traced.

    Returns:
      The transformation; its state is a `ClipState`.

    Raises:
      ValueError: if `max_value` is not positive.
    """
    _check_threshold("max_value", max_value)

    def clip(grads):
        leaves = jax.tree.leaves(grads)
        norm = _norm(leaves)
        bound = jnp.asarray(max_value)
        too_large = [(jnp.abs(x) > bound).ravel() for x in leaves]
        share = jnp.concatenate(too_large).mean(dtype=norm.dtype)
        clipped = [jnp.clip(x, -bound, bound).astype(x.dtype) for x in leaves]
        return jax.tree.unflatten(jax.tree.structure(grads), clipped), norm, share

    return _clipping(clip)


def clip_by_block(max_norm: Threshold) -> optax.GradientTransformation:
    """Scales each leaf of the gradients so that its own norm is at most `max_norm`.

    Args:
      max_norm: the threshold; may be traced.

    Returns:
      The transformation; its state is a `ClipState`.

    Raises:
      ValueError: if `max_norm` is not positive.
    """
    _check_threshold("max_norm", max_norm)

    def clip(grads):
        leaves, treedef = jax.tree.flatten(grads)
        norms = [_norm([x]) for x in leaves]
        clipped = [_rescale(x, norm, max_norm) for x, norm in zip(leaves, norms)]
        too_long = [norm > max_norm for norm in norms]
        norm = _norm(norms)
        share = jnp.mean(jnp.stack(too_long), dtype=norm.dtype)
        return treedef.unflatten(clipped), norm, share

    return _clipping(clip)


def clip_states(opt_state: Any) -> list[ClipState]:
    """Returns what every clipping of a chain recorded at the latest update, in order.

    `clip_states(opt_state)[0]._asdict()` gives metrics.
    """
    return states_of(ClipState, opt_state)


def _clipping(clip):
    """Makes a transformation from `grads -> (clipped, norm, share)`."""

    def init(params):
        dtype = jnp.result_type(jnp.float32, *jax.tree.leaves(params))
        return ClipState(jnp.zeros((), dtype), jnp.zeros((), dtype))

    def update(updates, state, params=None):
        del params
        clipped, norm, share = clip(updates)
        own = [x.astype(old.dtype) for x, old in zip((norm, share), state)]
        return clipped, ClipState(*own)

    return optax.GradientTransformation(init, update)


def _norm(leaves):
    """Returns the norm of all leaves together, avoiding overflow."""
    wide = [x.astype(jnp.promote_types(x.dtype, jnp.float32)) for x in leaves]
    largest = jnp.max(jnp.stack([jnp.abs(x).max(initial=0) for x in wide]))
    unit = jnp.where(largest > 0, largest, 1)
    return largest * jnp.sqrt(sum(((x / unit) ** 2).sum() for x in wide))


def _rescale(tree, norm, max_norm):
    scale = jnp.where(norm > max_norm, max_norm / norm, 1)
    return jax.tree.map(lambda x: (x * scale).astype(x.dtype), tree)


def _check_threshold(name, value):
    if not isinstance(value, Tracer) and not value > 0:
        raise ValueError(f"{name} must be positive, got {value}.")

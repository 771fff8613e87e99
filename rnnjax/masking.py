"""Padding and resets: which steps are real, and where a sequence begins."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from rnnjax.base import Array


def lengths_to_mask(lengths: Array, num_steps: int) -> Array:
    """Marks the real steps of sequences padded at their end.

    A length counts the end symbol, if there is one. Concrete values are checked; under
    `jax.jit` a length beyond `num_steps` cannot be detected and marks every step.

    Args:
      lengths: `[...batch]` integers from 0 to `num_steps`.
      num_steps: number of steps to which the sequences are padded.

    Returns:
      `[num_steps, ...batch]` bool, true where the step is before the length.

    Raises:
      ValueError: if `lengths` are not integers, or one is negative or exceeds
        `num_steps`.

    Example:
      >>> lengths_to_mask(jnp.array([2, 0, 3]), 3).astype(int)
      Array([[1, 0, 1],
             [1, 0, 1],
             [0, 0, 1]], dtype=int32)
    """
    lengths = jnp.asarray(lengths)
    if not jnp.issubdtype(lengths.dtype, jnp.integer):
        raise ValueError(f"lengths must be integers, got {lengths.dtype}.")
    if not isinstance(lengths, Tracer) and lengths.size:
        low, high = int(np.min(lengths)), int(np.max(lengths))
        wrong = low if low < 0 else high
        if not 0 <= wrong <= num_steps:
            raise ValueError(f"lengths must be from 0 to {num_steps}, got {wrong}.")
    steps = jnp.arange(num_steps, dtype=jnp.int32)
    return steps.reshape(-1, *[1] * lengths.ndim) < lengths.astype(jnp.int32)


def check_marks(name: str, marks: Array | None, shape: tuple[int, ...]) -> None:
    """Checks a mask or `is_first` against the steps it marks.

    Args:
      name: the argument's name, for the message.
      marks: the argument; None is always valid.
      shape: `(num_steps, *batch_shape)`.

    Raises:
      ValueError: if `marks` are not bool or not of that shape.
    """
    if marks is None:
        return
    dtype, got = jnp.result_type(marks), jnp.shape(marks)
    if dtype != jnp.bool_ or got != shape:
        raise ValueError(
            f"{name} must be bool of shape {shape}, got {dtype} of shape {got}."
        )


def select(condition: Array, on_true: Any, on_false: Any) -> Any:
    """Selects between two pytrees of `[...batch, ...]` arrays, leaf by leaf.

    Args:
      condition: `[...batch]` bool, aligned with the leaves' first axes.
      on_true: pytree of arrays.
      on_false: pytree of the same structure, shapes and dtypes.

    Returns:
      The pytree of `jnp.where`.
    """

    def choose(x, y):
        trailing = jnp.ndim(x) - condition.ndim
        return jnp.where(condition.reshape(condition.shape + (1,) * trailing), x, y)

    return jax.tree.map(choose, on_true, on_false)


def zero_masked(mask: Array | None, tree: Any) -> Any:
    """Sets masked steps to zero, whatever they hold, NaN included."""
    if mask is None:
        return tree
    return select(mask, tree, jax.tree.map(jnp.zeros_like, tree))


def pad_time(x: Array, before: int, after: int) -> Array:
    """Pads `[T, ...]` at both ends with steps of zeros, or of False."""
    return jnp.pad(x, ((before, after), *[(0, 0)] * (x.ndim - 1)))


def computing_order(is_first: Array | None, reverse: bool) -> Array | None:
    """Turns `is_first`, in the order of time, into an engine's `reset`.

    Forward, the carry is reset before the first step of a sequence. In reverse it is
    reset after that step, that is, before the step that precedes it in time; the carry
    after the chunk's first step is returned unchanged.

    Args:
      is_first: `[T, ...batch]` bool or None.
      reverse: whether the steps are computed from the last to the first.

    Returns:
      `[T, ...batch]` bool, true where the carry is reset before the step is computed.
    """
    if is_first is None or not reverse:
        return is_first
    return jnp.concatenate([is_first[1:], jnp.zeros_like(is_first[:1])])

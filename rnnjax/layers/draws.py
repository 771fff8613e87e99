"""Random masks: tied to absolute time, or one for all steps."""

import jax
import jax.numpy as jnp

from rnnjax.base import Array


def check_rate(rate: float) -> None:
    """Checks the probability of zeroing.

    Raises:
      ValueError: if it is not from 0 to less than 1.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be from 0 to less than 1, got {rate}.")


def draw_steps(
    key: Array, probability: float, time: Array, num_steps: int, shape: tuple[int, ...]
) -> Array:
    """Draws booleans for every step, from `fold_in(key, time of the step)`.

    So a step draws the same whichever chunk it is in.

    Args:
      key: of the whole sequence, the same for all its chunks.
      probability: of true, from 0 to 1.
      time: of the first step, an integer.
      num_steps: number of steps.
      shape: of the draw of one step.

    Returns:
      `[num_steps, *shape]` bool.
    """

    def draw(time):
        return jax.random.bernoulli(jax.random.fold_in(key, time), probability, shape)

    return jax.vmap(draw)(time + jnp.arange(num_steps, dtype=jnp.int32))


def draw_scale(
    key: Array, rate: float, shape: tuple[int, ...], dtype: jax.typing.DTypeLike
) -> Array:
    """Draws 0 with probability `rate`, else 1 / (1 - rate), so that the mean is 1."""
    kept = jax.random.bernoulli(key, 1 - rate, shape)
    return jnp.where(kept, jnp.asarray(1 / (1 - rate), dtype), 0)

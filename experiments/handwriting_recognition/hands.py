"""Other hands: training drawings that lean otherwise and are wider or higher."""

import dataclasses

import jax
import jax.numpy as jnp

from experiments.harness import flag
from experiments.shared.recognition.examples import Symbols
from rnnjax.base import Array


@dataclasses.dataclass(frozen=True)
class HandFlags:
    """How far the hands of training drawings are changed; each is off at 0."""

    slant_change: float = flag(
        0.0,
        "standard deviation of the slant that is added to training drawings, in ways "
        "aside per way up",
        minimum=0,
    )
    size_change: float = flag(
        0.0,
        "standard deviation of the logarithms of the factors of their width and height",
        minimum=0,
    )


def change_hands(
    flags: HandFlags, key: Array, frames: Array, mask: Array, symbols: Symbols
) -> Array:
    """Changes the slant, the width and the height of each drawing of a batch.

    Args:
      flags: how much.
      key: the source of randomness.
      frames: `[B, T, 4]`, scaled; see `frames_of`.
      mask: `[B, T]` bool, true at frames; zeros come out where it is false.
      symbols: how the frames were scaled.

    Returns:
      The changed frames `[B, T, 4]`.
    """
    if not (flags.slant_change or flags.size_change):
        return frames
    slant_key, size_key = jax.random.split(key)
    batch_size = len(frames)
    slant = flags.slant_change * jax.random.normal(slant_key, (batch_size, 1))
    sizes = jnp.exp(flags.size_change * jax.random.normal(size_key, (2, batch_size, 1)))
    scale, mean = jnp.asarray(symbols.scale), jnp.asarray(symbols.mean)
    right, down, lifts, height = jnp.moveaxis(frames * scale + mean, -1, 0)
    changed = jnp.stack(
        [sizes[0] * right - slant * down, sizes[1] * down, lifts, sizes[1] * height],
        axis=-1,
    )
    return jnp.where(mask[..., None], (changed - mean) / scale, 0)

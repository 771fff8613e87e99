"""Training recordings as if spoken faster or slower, with a higher or lower voice."""

import dataclasses
import math

import jax
import jax.numpy as jnp

from experiments.harness import TrainingConfig, flag
from rnnjax.base import Array


@dataclasses.dataclass(frozen=True)
class WarpFlags(TrainingConfig):
    """The flags of the distortions; each is off at 0."""

    max_stretch: float = flag(
        0.0,
        "share by which training recordings are made longer or shorter at most",
        minimum=0,
    )
    max_warp: float = flag(
        0.0,
        "share by which the bands of training recordings are moved at most",
        minimum=0,
    )

    def __post_init__(self):
        """Checks that something would be left."""
        super().__post_init__()
        for name in ("max_stretch", "max_warp"):
            if getattr(self, name) >= 1:
                raise ValueError(
                    f"{name} must be less than 1, got {getattr(self, name)}."
                )


def warp(
    flags: WarpFlags, key: Array, frames: Array, mask: Array
) -> tuple[Array, Array]:
    """Stretches a batch of frames in time, and moves its bands.

        yₜᵦ = xₜ/ₛ,ᵦ/ₚ,   s and p drawn for every row from 1 ± their greatest share

    Between frames and between bands values are interpolated.

    Args:
      flags: how much.
      key: the source of randomness.
      frames: `[B, T, num_bands]`, zeros at padding, which is at the end.
      mask: `[B, T]` bool, true at frames.

    Returns:
      The distorted frames `[B, ceil(T (1 + max_stretch)), num_bands]`, and their mask.

    References:
      Ko et al., "Audio Augmentation for Speech Recognition", Interspeech 2015; Jaitly
      and Hinton, "Vocal Tract Length Perturbation improves speech recognition", 2013.
    """
    stretch_key, shift_key = jax.random.split(key)
    if flags.max_stretch:
        lengths = mask.sum(axis=1)
        factors = _draw(stretch_key, flags.max_stretch, len(frames))
        num_steps = math.ceil(frames.shape[1] * (1 + flags.max_stretch))
        steps = jnp.arange(num_steps)
        new_lengths = jnp.round(lengths * factors)
        mask = steps < new_lengths[:, None]
        places = jnp.minimum(steps / factors[:, None], (lengths - 1)[:, None])
        frames = jax.vmap(_interpolate)(frames, jnp.maximum(places, 0))
        frames = jnp.where(mask[..., None], frames, 0)
    if flags.max_warp:
        factors = _draw(shift_key, flags.max_warp, len(frames))
        bands = jnp.arange(frames.shape[-1])
        places = jnp.minimum(bands / factors[:, None], len(bands) - 1)
        turned = jax.vmap(_interpolate)(jnp.swapaxes(frames, 1, 2), places)
        frames = jnp.swapaxes(turned, 1, 2)
    return frames, mask


def _draw(key: Array, most: float, number: int) -> Array:
    return jax.random.uniform(key, (number,), minval=1 - most, maxval=1 + most)


def _interpolate(values: Array, places: Array) -> Array:
    """Returns rows between the rows of `values` `[N, size]`, at places from 0."""
    before = jnp.floor(places).astype(jnp.int32)
    after = jnp.minimum(before + 1, len(values) - 1)
    share = (places - before)[:, None]
    return (1 - share) * values[before] + share * values[after]

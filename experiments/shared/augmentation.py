"""Disturbances of training series and texts that leave their labels as they are.

Everything is drawn on the device from the key of an update. Padding stays zeros.
"""

import dataclasses

import jax
import jax.numpy as jnp

from experiments.harness import flag
from rnnjax.base import Array


@dataclasses.dataclass(frozen=True)
class AugmentationFlags:
    """The flags of the disturbances; each is off at 0."""

    max_shift: int = flag(
        0, "steps by which training series are shifted at most", minimum=0
    )
    noise_scale: float = flag(
        0.0,
        "noise added to training series, in standard deviations of a channel",
        minimum=0,
    )
    time_mask: int = flag(
        0, "steps of training series that are blanked at most", minimum=0
    )
    channel_mask: int = flag(
        0,
        "neighbouring channels of training series that are blanked at most",
        minimum=0,
    )


def augment(
    flags: AugmentationFlags,
    key: Array,
    inputs: Array,
    targets: Array,
    mask: Array,
) -> tuple[Array, Array]:
    """Disturbs a batch of scaled series.

    A series is shifted by a number of steps drawn from ±`max_shift`, its first or last
    step repeated; normal noise is added; then a run of steps and a run of channels,
    with lengths drawn from 0 to `time_mask` and `channel_mask`, are set to 0, the mean.

    Args:
      flags: how much.
      key: the source of randomness.
      inputs: `[B, T, num_channels]`, zeros at padding, which is at the end.
      targets: `[B, T]`, shifted too, or `[B]`.
      mask: `[B, T]` bool, true at steps.

    Returns:
      The disturbed inputs and their targets.

    References:
      Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech
      Recognition", Interspeech 2019, section 2, for the two masks.
    """
    shift_key, noise_key, time_key, channel_key = jax.random.split(key, 4)
    batch_size, num_steps, num_channels = inputs.shape
    lengths = mask.sum(axis=1)
    if flags.max_shift:
        most = flags.max_shift
        shifts = jax.random.randint(shift_key, (batch_size, 1), -most, most + 1)
        last = jnp.maximum(lengths - 1, 0)[:, None]
        places = jnp.clip(jnp.arange(num_steps) - shifts, 0, last)
        inputs = jnp.take_along_axis(inputs, places[..., None], axis=1)
        if targets.ndim == 2:
            targets = jnp.take_along_axis(targets, places, axis=1)
    if flags.noise_scale:
        noise = jax.random.normal(noise_key, inputs.shape, inputs.dtype)
        inputs += flags.noise_scale * noise
    is_kept = mask[..., None]
    if flags.time_mask:
        blank = _run(time_key, flags.time_mask, lengths, num_steps)
        is_kept &= ~blank[..., None]
    if flags.channel_mask:
        widths = jnp.full(batch_size, num_channels)
        blank = _run(channel_key, flags.channel_mask, widths, num_channels)
        is_kept &= ~blank[:, None]
    return jnp.where(is_kept, inputs, 0), targets


def drop_words(key: Array, tokens: Array, unknown: int, rate: float) -> Array:
    """Reads words as unknown at random, so that no single one is relied on.

    Args:
      key: the source of randomness.
      tokens: the words of texts, integers of any shape.
      unknown: number of the unknown word.
      rate: the probability of each word.

    Returns:
      The words, of the same shape.
    """
    is_dropped = jax.random.bernoulli(key, rate, tokens.shape)
    return jnp.where(is_dropped, unknown, tokens)


def _run(key: Array, most: int, sizes: Array, num_places: int) -> Array:
    """Draws a run within the first `sizes` of the places of each row, `[B, places]`."""
    width_key, begin_key = jax.random.split(key)
    widths = jax.random.randint(width_key, sizes.shape, 0, most + 1)
    widths = jnp.minimum(widths, sizes)
    begins = jax.random.randint(begin_key, sizes.shape, 0, sizes - widths + 1)
    places = jnp.arange(num_places)
    return (places >= begins[:, None]) & (places < (begins + widths)[:, None])

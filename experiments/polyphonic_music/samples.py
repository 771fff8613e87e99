"""Music drawn from a network, frame by frame."""

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from experiments.polyphonic_music.figures import plot_sample
from rnnjax import Layer
from rnnjax.base import Array, Params
from rnnjax.decoding import generate, sample_bernoulli, without_log_probs

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def continue_piece(
    layer: Layer,
    params: Params,
    piece: np.ndarray,
    flags: Any,
    num_frames: int,
    key: Array,
) -> tuple[np.ndarray, "Figure"]:
    """Draws a sample that continues the beginning of a piece, and plots both.

    Args:
      layer: from frames to logits, causal.
      params: its parameters.
      piece: `[T, 88]` bool.
      flags: with `prompt_frames` and `temperature`.
      num_frames: frames to draw.
      key: the source of randomness.

    Returns:
      The piano roll of the sample with its beginning, and the picture.
    """
    given = piece[: flags.prompt_frames]
    roll = sample_frames(layer, params, given, num_frames, key, flags.temperature)
    return roll, plot_sample(roll, piece, len(given))


def sample_frames(
    layer: Layer,
    params: Params,
    prompt: np.ndarray,
    num_frames: int,
    key: Array,
    temperature: float,
) -> np.ndarray:
    """Continues a piece: each frame is drawn key by key and read by the next step.

    Args:
      layer: from frames to logits, causal.
      params: its parameters.
      prompt: `[num_given, 88]` bool, at least one frame, read first.
      num_frames: frames to draw.
      key: the source of randomness.
      temperature: divides the logits; 0 takes the more likely state of each key.

    Returns:
      `[num_given + num_frames, 88]` bool, the prompt and what follows it.
    """
    frames = jnp.asarray(prompt, jnp.float32)
    sampler = without_log_probs(sample_bernoulli(temperature=temperature))
    drawn = generate(layer, params, frames, num_frames, key, sampler=sampler).drawn
    return np.concatenate([prompt, np.asarray(drawn, bool)])

"""Music drawn from a network, frame by frame, and piano rolls as pictures."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from experiments.music.midi import LOWEST_NOTE
from rnnjax import Layer
from rnnjax.base import Array, Params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIDDLE_C, OCTAVE = 60, 12


def draw_frames(
    layer: Layer,
    params: Params,
    prompt: np.ndarray,
    num_frames: int,
    key: Array,
    temperature: float,
) -> np.ndarray:
    """Goes on with a piece: each frame is drawn, key by key, and read by the next step.

    Args:
      layer: from frames to logits, causal.
      params: its parameters.
      prompt: `[num_given, 88]` bool, at least one frame, read first.
      num_frames: frames to draw.
      key: the source of randomness.
      temperature: by which the logits are divided; 0 takes what is likelier.

    Returns:
      `[num_given + num_frames, 88]` bool, the prompt and what follows it.
    """
    frames = jnp.asarray(prompt, jnp.float32)
    drawn = _draw(layer, num_frames, temperature == 0, params, frames, key, temperature)
    return np.concatenate([prompt, np.asarray(drawn, bool)])


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _draw(layer, num_frames, greedy, params, prompt, key, temperature):
    carry, logits = layer.apply(params, None, prompt)

    def body(carry_and_logits, step):
        carry, logits = carry_and_logits
        if greedy:
            frame = logits > 0
        else:
            odds = jax.nn.sigmoid(logits / temperature)
            frame = jax.random.bernoulli(jax.random.fold_in(key, step), odds)
        frame = frame.astype(prompt.dtype)
        return layer.step(params, carry, frame), frame

    _, frames = jax.lax.scan(body, (carry, logits[-1]), jnp.arange(num_frames))
    return frames


def draw_rolls(rolls: Mapping[str, np.ndarray], num_given: int) -> "Figure":
    """Draws piano rolls below one another.

    Args:
      rolls: `[num_frames, 88]` bool, by their titles.
      num_given: frames of the beginning they share, marked by a line.

    Returns:
      A figure for `Run.write_plot`.
    """
    from matplotlib.figure import Figure  # of which `--help` shall know nothing

    used = np.flatnonzero(np.concatenate(list(rolls.values())).any(axis=0))
    low, high = (int(used[0]), int(used[-1])) if len(used) else (0, 87)
    num_frames = max(map(len, rolls.values()))
    figure = Figure(figsize=(8.0, 2.6 * len(rolls)), dpi=150, layout="constrained")
    for axes, (title, roll) in zip(
        np.ravel(figure.subplots(len(rolls), 1, sharex=True, squeeze=False)),
        rolls.items(),
        strict=True,
    ):
        starts, keys = np.nonzero(roll)
        given = starts < num_given
        for which, color in ((given, "0.55"), (~given, "tab:blue")):
            axes.barh(
                keys[which] + LOWEST_NOTE, 1, 0.8, left=starts[which], color=color
            )
        axes.axvline(num_given, color="tab:orange", linewidth=1.2)
        axes.set_title(title, fontsize="medium", loc="left")
        notes = range(MIDDLE_C - 4 * OCTAVE, MIDDLE_C + 5 * OCTAVE, OCTAVE)
        axes.set_yticks(notes, [f"C{note // OCTAVE - 1}" for note in notes])
        axes.set_ylim(low + LOWEST_NOTE - 1.5, high + LOWEST_NOTE + 1.5)
        axes.set_xlim(0, num_frames)
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("frame")
    return figure

"""Pictures of sounds: log-mel frames over time."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments.shared.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_spectrograms(sounds: Mapping[str, np.ndarray], hop_seconds: float) -> "Figure":
    """Draws spectrograms below each other, all on one scale of time and of energy.

    Args:
      sounds: log-mel frames `[num_frames, num_mels]`, nats, by their titles; at least
        one.
      hop_seconds: time between two frames.

    Returns:
      The figure; time goes to the right and frequency upward.
    """
    figure = new_figure(7.0, 0.5 + 1.5 * len(sounds))
    panels = figure.subplots(len(sounds), 1, sharex=True, squeeze=False)[:, 0]
    lowest = min(frames.min() for frames in sounds.values())
    highest = max(frames.max() for frames in sounds.values())
    for axes, (title, frames) in zip(panels, sounds.items()):
        end = len(frames) * hop_seconds
        axes.imshow(
            frames.T,
            aspect="auto",
            origin="lower",
            extent=(0, end, 0, frames.shape[1]),
            vmin=lowest,
            vmax=highest,
            cmap="viridis",
        )
        axes.set_title(title, fontsize=8, loc="left")
        axes.set_ylabel("mel band")
    panels[0].set_xlim(0, max(map(len, sounds.values())) * hop_seconds)
    panels[-1].set_xlabel("seconds")
    return figure

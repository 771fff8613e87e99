"""Pictures of frames: forecasts beside the truth, still and moving."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from experiments.shared.figures import BLUE, GREEN, ORANGE, hide_frame, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SHOWN = 13  # frames in a row of a picture
MILLISECONDS = 250  # that a frame of an animation is shown
SCALE = 6  # pixels of an animation per pixel of a frame
GAP = 2  # pixels of a frame between frames
GREY = 90


def plot_clips(frames: np.ndarray, forecast: np.ndarray, window: int) -> "Figure":
    """Draws clips as rows of frames, the truth above the forecast.

    Args:
      frames: `[N, T, height, width]` uint8, the truth.
      forecast: `[N, T, height, width]`, from 0 to 1; its first frames are those read.
      window: number of frames that were read, which are not repeated.
    """
    first = max(0, window - 3)
    times = list(range(first, frames.shape[1]))[:MOST_SHOWN]
    figure = new_figure(0.75 * len(times), 1.6 * len(frames))
    axes = figure.subplots(2 * len(frames), len(times), squeeze=False)
    for row, panels in enumerate(axes):
        clip, is_forecast = divmod(row, 2)
        for t, panel in zip(times, panels):
            panel.set_xticks([])
            panel.set_yticks([])
            if is_forecast and t < window:
                panel.axis("off")
                continue
            image = forecast[clip, t] if is_forecast else frames[clip, t] / 255
            panel.imshow(image, cmap="gray", vmin=0, vmax=1)
            if row == 0:
                panel.set_title(f"{t - window + 1:+d}", fontsize="small")
        name = "forecast" if is_forecast else "truth"
        panels[0].text(
            -0.15,
            0.5,
            name,
            transform=panels[0].transAxes,
            ha="right",
            va="center",
            fontsize="small",
        )
    return figure


def plot_horizon(curves: Mapping[str, Sequence[float] | np.ndarray]) -> "Figure":
    """Draws the loss of each frame of the horizon, a curve per forecaster."""
    figure = new_figure(6.0, 3.8)
    axes = figure.add_subplot()
    for (name, values), color in zip(curves.items(), (BLUE, ORANGE, GREEN)):
        steps = range(1, len(values) + 1)
        axes.plot(steps, values, "o-", color=color, label=name, markersize=3.5)
    axes.set_xlabel("frames ahead")
    axes.set_ylabel("cross entropy, nats per frame")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    hide_frame(axes)
    return figure


def animate(frames: np.ndarray, forecast: np.ndarray, window: int) -> bytes:
    """Makes a GIF of clips side by side, the truth above the forecast.

    A bar at the lower edge is white once frames are forecast.

    Args:
      frames: see `plot_clips`.
      forecast: see `plot_clips`.
      window: see `plot_clips`.

    Returns:
      The content of the file.
    """
    number, num_frames, height, width = frames.shape
    canvas = np.full(
        (num_frames, 2 * (height + GAP) + GAP, number * (width + GAP) + GAP),
        GREY,
        np.uint8,
    )
    for clip in range(number):
        left = GAP + clip * (width + GAP)
        for row, images in enumerate(
            (frames[clip], np.rint(255 * forecast[clip]).astype(np.uint8))
        ):
            top = GAP + row * (height + GAP)
            canvas[:, top : top + height, left : left + width] = images
    canvas[window:, -1] = 255
    large = canvas.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    images = [Image.fromarray(image) for image in large]
    content = io.BytesIO()
    images[0].save(
        content,
        "GIF",
        save_all=True,
        append_images=images[1:],
        duration=MILLISECONDS,
        loop=0,
    )
    return content.getvalue()

"""Piano rolls as pictures."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments.data.midi import LOWEST_NOTE
from experiments.shared.figures import hide_frame, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIDDLE_C, OCTAVE = 60, 12


def plot_sample(roll: np.ndarray, prompt: np.ndarray, num_given: int) -> "Figure":
    """Plots a sample, and below it the piece whose beginning it continues.

    Args:
      roll: `[num_frames, 88]` bool, the sample with its beginning.
      prompt: `[num_prompt_frames, 88]` bool, the piece.
      num_given: frames of the beginning.

    Returns:
      A figure for `Run.write_plot`.
    """
    rolls = {"sample after a given beginning": roll}
    if len(prompt) > num_given:
        rolls["the piece with this beginning"] = prompt[: len(roll)]
    return plot_rolls(rolls, min(len(prompt), num_given))


def plot_rolls(rolls: Mapping[str, np.ndarray], num_given: int) -> "Figure":
    """Plots piano rolls below one another.

    Args:
      rolls: `[num_frames, 88]` bool, by their titles.
      num_given: frames of the beginning they share, marked by a line.

    Returns:
      A figure for `Run.write_plot`.
    """
    used = np.flatnonzero(np.concatenate(list(rolls.values())).any(axis=0))
    low, high = (int(used[0]), int(used[-1])) if len(used) else (0, 87)
    num_frames = max(map(len, rolls.values()))
    figure = new_figure(8.0, 2.6 * len(rolls))
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
        hide_frame(axes)
    axes.set_xlabel("frame")
    return figure

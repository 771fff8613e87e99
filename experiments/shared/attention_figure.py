"""Pictures of attention over words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from experiments.shared.figures import BLUE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE_WIDTH = 92  # characters
MOST_WORDS = 60  # of a text: those around the greatest weight
Shown = tuple[str, Sequence[str], np.ndarray]


def plot_attention(texts: Sequence[Shown]) -> "Figure":
    """Draws texts with each word on a ground as dark as its weight.

    Args:
      texts: a title, the words, and their weights `[num_words]`, which sum to 1. The
        darkest word of each text has its greatest weight.

    Returns:
      The figure.
    """
    lines: list[tuple[str, float | None, int, int]] = []  # text, share, row, column
    row = 0
    for title, words, weights in texts:
        words, weights = _around_greatest(words, weights)
        lines.append((title, None, row, 0))
        row, column = row + 1, 0
        for word, share in zip(words, weights / max(weights.max(), 1e-12)):
            if column and column + len(word) > LINE_WIDTH:
                row, column = row + 1, 0
            lines.append((word, float(share), row, column))
            column += len(word) + 1
        row += 2
    height = 0.2 * row
    figure = new_figure(9.0, max(1.5, height))
    axes = figure.add_subplot()
    axes.set_xlim(0, LINE_WIDTH)
    axes.set_ylim(row - 0.5, -1)
    axes.set_axis_off()
    for text, share, row, column in lines:
        style = {"fontsize": 7, "family": "monospace", "va": "center"}
        if share is None:
            axes.text(column, row, text, weight="bold", **style)
            continue
        axes.add_patch(_ground(column, row, len(text), share))
        color = "white" if share > 0.6 else "black"
        axes.text(column + len(text) / 2, row, text, color=color, ha="center", **style)
    return figure


def _around_greatest(
    words: Sequence[str], weights: np.ndarray
) -> tuple[Sequence[str], np.ndarray]:
    start = max(
        0, min(int(weights.argmax()) - MOST_WORDS // 2, len(words) - MOST_WORDS)
    )
    chosen = slice(start, start + MOST_WORDS)
    return words[chosen], weights[chosen]


def _ground(column: int, row: int, width: int, share: float):
    from matplotlib.patches import Rectangle

    style = {"facecolor": BLUE, "alpha": share, "linewidth": 0}
    return Rectangle((column - 0.1, row - 0.45), width + 0.2, 0.9, **style)

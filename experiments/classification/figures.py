"""Pictures of numbers that were predicted."""

from typing import TYPE_CHECKING

import numpy as np

from experiments.shared.figures import BLUE, hide_frame, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_numbers(true: np.ndarray, predicted: np.ndarray) -> "Figure":
    """Draws predicted numbers against true ones, `[num_texts, 1]` each."""
    figure = new_figure(4.5, 4.5)
    axes = figure.add_subplot()
    axes.plot(true[:, 0], predicted[:, 0], ".", color=BLUE, alpha=0.4, markersize=4)
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    axes.plot([low, high], [low, high], color="0.45", linewidth=0.8)
    axes.set_xlabel("true")
    axes.set_ylabel("predicted")
    hide_frame(axes)
    return figure

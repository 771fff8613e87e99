"""The learning curve, as a figure that needs no screen."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LABEL_HEIGHT = 0.05  # of the axes


def learning_curve(
    metrics: Sequence[Mapping[str, Any]],
    *,
    train: str = "loss",
    validation: str = "validation_loss",
    levels: Mapping[str, float] | None = None,
    ylabel: str = "loss",
) -> "Figure":
    """Draws the loss against the updates.

    Args:
      metrics: what `Run.metrics` returns.
      train: name of the metric of every update, drawn smoothed over its raw values.
      validation: name of the metric of the evaluations; it may be missing.
      levels: values to compare with, by their labels: a horizontal line each.
      ylabel: what is drawn, with its unit.

    Returns:
      A figure for `Run.write_plot`.
    """
    # A quarter of a second of imports, of which `--help` shall know nothing. A Figure
    # made without pyplot touches neither the backend nor any other global state.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.2), dpi=150, layout="constrained")
    axes = figure.add_subplot()
    updates, losses = _series(metrics, train)
    axes.plot(updates, losses, color="tab:blue", alpha=0.25, linewidth=0.8)
    axes.plot(updates, _smoothed(losses), color="tab:blue", label="training")
    updates, losses = _series(metrics, validation)
    if updates:
        axes.plot(
            updates,
            losses,
            "o-",
            color="tab:orange",
            markersize=3.5,
            label="validation",
        )
    _draw_levels(axes, levels or {})
    axes.set_xlabel("updates")
    axes.set_ylabel(ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def _draw_levels(axes, levels: Mapping[str, float]) -> None:
    """Draws the levels, each with a label beside the axes that a stroke leads to."""
    for value in levels.values():
        axes.axhline(value, color="0.45", linestyle="--", linewidth=0.8, zorder=1)
    low, high = axes.get_ylim()
    height = -1.0
    for label, value in sorted(levels.items(), key=lambda level: level[1]):
        end = (value - low) / (high - low)
        height = max(end, height + LABEL_HEIGHT)  # clear of the label below it
        axes.annotate(
            f"{label} {value:.2f}",
            (1.0, end),
            (1.05, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            fontsize="small",
            color="0.35",
            arrowprops={
                "arrowstyle": "-",
                "color": "0.6",
                "linewidth": 0.6,
                "relpos": (0, 0.5),
                "shrinkA": 0,
                "shrinkB": 0,
            },
        )
    axes.set_ylim(low, high)


def _series(metrics, name) -> tuple[list[int], list[float]]:
    points = [(line["update"], line[name]) for line in metrics if name in line]
    return [update for update, _ in points], [value for _, value in points]


def _smoothed(values: list[float]) -> list[float]:
    """Averages over a window of about a fiftieth of the curve, ending at each point."""
    window = max(1, len(values) // 50)
    smooth, total = [], 0.0
    for index, value in enumerate(values):
        total += value
        if index >= window:
            total -= values[index - window]
        smooth.append(total / min(index + 1, window))
    return smooth

"""Figures in one style, drawn without a screen."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# From the palette of Okabe and Ito, which stays distinct for colour-blind readers.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
LABEL_HEIGHT = 0.05  # of the axes


def new_figure(width: float = 7.0, height: float = 4.2) -> "Figure":
    """Makes an empty figure, for `Run.write_plot`.

    matplotlib is imported here, and only here, so that `--help` need not wait for it.
    A figure made without pyplot touches neither the backend nor other global state.

    Args:
      width: in inches.
      height: in inches.

    Returns:
      A figure without axes; add them by `add_subplot()` or `subplots(...)`.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained")


def hide_frame(*panels: "Axes") -> None:
    """Hides the upper and the right line of the frame of each panel."""
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)


def learning_curve(
    metrics: Sequence[Mapping[str, Any]],
    *,
    train: str = "loss",
    validation: str = "validation_loss",
    levels: Mapping[str, float] | None = None,
    ylabel: str = "loss",
) -> "Figure":
    """Draws the loss against the number of updates.

    Args:
      metrics: what `Run.metrics` returns.
      train: name of the metric of every update, drawn smoothed over its raw values.
      validation: name of the metric of the evaluations; it may be missing.
      levels: values to compare with, by their labels; each is a horizontal line.
      ylabel: what is drawn, with its unit.

    Returns:
      The figure.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    updates, losses = _series(metrics, train)
    axes.plot(updates, losses, color="tab:blue", alpha=0.25, linewidth=0.8)
    axes.plot(updates, _smoothed(losses), color="tab:blue", label="training")
    updates, losses = _series(metrics, validation)
    if updates:
        style = {"color": "tab:orange", "markersize": 3.5, "label": "validation"}
        axes.plot(updates, losses, "o-", **style)
    _draw_levels(axes, levels or {})
    axes.set_xlabel("updates")
    axes.set_ylabel(ylabel)
    hide_frame(axes)
    axes.legend(frameon=False)
    return figure


def score_curve(
    metrics: Sequence[Mapping[str, Any]],
    score: str,
    *,
    train: str = "loss",
    levels: Mapping[str, float] | None = None,
    ylabel: str = "loss",
) -> "Figure":
    """Draws the training loss, and beside it a score that is no loss.

    Args:
      metrics: what `Run.metrics` returns.
      score: name of the metric of the evaluations, such as `validation_accuracy`.
      train: name of the metric of every update, drawn smoothed over its raw values.
      levels: scores of baselines, by their labels.
      ylabel: what the loss is, with its unit.

    Returns:
      The figure.
    """
    figure = new_figure(9.0, 3.8)
    loss_axes, score_axes = figure.subplots(1, 2)
    updates, losses = _series(metrics, train)
    loss_axes.plot(updates, losses, color=BLUE, alpha=0.25, linewidth=0.8)
    loss_axes.plot(updates, _smoothed(losses), color=BLUE)
    loss_axes.set_ylabel(ylabel)
    score_axes.plot(*_series(metrics, score), "o-", color=ORANGE, markersize=3.5)
    score_axes.set_ylabel(score.replace("_", " "))
    _draw_levels(score_axes, levels or {})
    for axes in (loss_axes, score_axes):
        axes.set_xlabel("updates")
    hide_frame(loss_axes, score_axes)
    return figure


def _draw_levels(axes: "Axes", levels: Mapping[str, float]) -> None:
    """Draws the levels, each with a label beside the axes and a stroke to it."""
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


def _series(
    metrics: Sequence[Mapping[str, Any]], name: str
) -> tuple[list[int], list[float]]:
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

"""The figure of a memory task: each member's score over its updates."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.memory_tasks.task import Task
from experiments.shared.figures import hide_frame, new_figure
from experiments.shared.members import SOLVED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_scores(metrics: Sequence[Mapping[str, Any]], task: Task) -> "Figure":
    """Plots the scores of all members, with one colour per variant.

    Args:
      metrics: what `Run.metrics` returns; lines with `members` are plotted: the result
        of `describe_scores` for each variant, by name.
      task: the task.

    Returns:
      A figure for `Run.write_plot`.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    lines = [line for line in metrics if "members" in line]
    for color, name in enumerate(lines[-1]["members"]):
        history = [line["members"][name] for line in lines]
        status = history[-1]["status"]
        label = f"{name}: {status.count(SOLVED)} of {len(status)} solved"
        for member in range(len(status)):
            points = _points(history, member)
            style = {"color": f"C{color}", "label": label if member == 0 else None}
            axes.plot(*zip(*points), linewidth=1.2, alpha=0.8, **style)
            if status[member] == SOLVED:
                axes.plot(*points[-1], "o", color=f"C{color}", markersize=4)
    for value, what in ((task.chance, "chance"), (task.solved_below, "solved below")):
        axes.axhline(value, color="0.45", linestyle="--", linewidth=0.8, zorder=1)
        axes.annotate(
            f"{what} {value:.3g}",
            (1.01, value),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
            color="0.35",
            annotation_clip=False,
        )
    axes.set_yscale("symlog", linthresh=task.solved_below)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("updates")
    axes.set_ylabel(task.score_name)
    hide_frame(axes)
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.6))
    return figure


def _points(history, member) -> list[tuple[int, float]]:
    """Returns the (updates, score) of a member until it stopped."""
    points = {}
    for of_variant in history:
        score = of_variant["score"][member]
        if score is not None:
            points.setdefault(of_variant["num_updates"][member], score)
    return list(points.items()) or [(0, float("nan"))]

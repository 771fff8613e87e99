"""Two figures: the ratio by shape, and the time by length."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from experiments.benchmark.contenders import CONTENDERS
from experiments.benchmark.tables import Measured, ratios, rows_of
from experiments.benchmark.work import ALLOCATORS, Case
from experiments.shared.figures import hide_frame, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = "osD^vP*X<>hd"


def ratio_by_shape(
    cases: Sequence[Case], measured: Measured, reference: str
) -> "Figure":
    """Plots the times as multiples of the reference's, one panel per cell.

    Args:
      cases: cases of one work, number of cores and allocator.
      measured: what was measured in them.
      reference: the contender whose time is 1.

    Returns:
      A figure for `Run.write_plot`.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    cells = list(dict.fromkeys(case.cell for case in cases))
    figure = new_figure(2.0 + 3.4 * len(cells), 4.4)
    panels = figure.subplots(1, len(cells), sharey=True, squeeze=False)[0]
    for axes, cell in zip(panels, cells):
        ours = [case for case in cases if case.cell == cell]
        names = [name for name in rows_of(ours, measured) if name != reference]
        for index, name in enumerate(names):
            values = ratios(ours, measured, name, reference, "median_seconds")
            beside = 0.7 * ((index + 0.5) / len(names) - 0.5)
            points = [(x + beside, v) for x, v in enumerate(values) if v is not None]
            if points:
                axes.plot(*zip(*points), linestyle="none", label=name, **_style(name))
        axes.axhline(1.0, color="0.3", linewidth=1.2, zorder=1)
        for x in range(1, len(ours)):
            axes.axvline(x - 0.5, color="0.9", linewidth=0.8, zorder=0)
        axes.set_yscale("log", base=2)
        axes.yaxis.set_major_locator(LogLocator(base=2, subs=(1.0, 1.5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        labels = [str(case.shape) for case in ours]
        axes.set_xticks(range(len(ours)), labels, rotation=40, ha="right")
        axes.set_xlim(-0.5, len(ours) - 0.5)
        axes.set_title("Elman" if cell == "elman" else cell.upper())
        axes.grid(axis="y", color="0.9")
        hide_frame(axes)
    panels[0].set_ylabel(f"time / time of {reference}")
    allocator = ALLOCATORS[cases[0].allocator]
    figure.supxlabel(f"B, T, D = H ({allocator})", fontsize="medium")
    handles = dict(
        pair[::-1] for axes in panels for pair in zip(*axes.get_legend_handles_labels())
    )
    figure.legend(
        handles.values(), handles.keys(), loc="outside right center", frameon=False
    )
    return figure


def time_by_length(cases: Sequence[Case], measured: Measured) -> "Figure":
    """Plots the time of a call against the number of steps, both logarithmic.

    Args:
      cases: cases that differ only in the number of steps.
      measured: what was measured in them.

    Returns:
      A figure for `Run.write_plot`.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    figure = new_figure(7.4, 4.4)
    axes = figure.add_subplot()
    for name in rows_of(cases, measured):
        ours = [case for case in cases if name in measured[case]]
        lengths = [case.shape.num_steps for case in ours]
        found = [measured[case][name] for case in ours]
        low, high = zip(*([1e3 * q for q in entry["quartiles"]] for entry in found))
        style = _style(name)
        medians = [1e3 * entry["median_seconds"] for entry in found]
        axes.plot(lengths, medians, label=name, linewidth=1.2, **style)
        axes.fill_between(lengths, low, high, color=style["color"], alpha=0.15)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(sorted({case.shape.num_steps for case in cases}))
    axes.xaxis.set_minor_locator(NullLocator())
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    batch_size, _, size = cases[0].shape
    allocator = ALLOCATORS[cases[0].allocator]
    axes.set_xlabel(f"steps; batch of {batch_size}, {size} features ({allocator})")
    axes.set_ylabel("ms, forward and backward")
    axes.grid(color="0.92")
    hide_frame(axes)
    figure.legend(loc="outside right center", frameon=False)
    return figure


def _style(name):
    """Returns colour and marker of a contender, the same in every figure."""
    # Ten colours are enough for those that take part by default.
    index = sorted(CONTENDERS, key=lambda n: CONTENDERS[n].is_variant).index(name)
    return {
        "color": f"C{index % 10}",
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
    }

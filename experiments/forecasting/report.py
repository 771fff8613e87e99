"""What a run of forecasting prints, draws and writes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from experiments.forecasting.panel import Panel
from experiments.forecasting.scores import (
    MEDIAN,
    PROBABILITIES,
    Forecasts,
    coverage,
    measure,
)
from experiments.harness import Run
from experiments.shared.figures import BLUE, GREEN, ORANGE, RED, hide_frame, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL = "model"
COLORS = {MODEL: BLUE, "persistence": ORANGE, "seasonal persistence": GREEN}
NUM_WORST = 50
MEASURES = {
    "mae": "MAE",
    "last_mae": "MAE, last step",
    "mase": "MASE",
    "smape": "sMAPE, %",
    "wql": "quantile loss",
}


def scores_table(rows: Mapping[str, Forecasts], unit: np.ndarray) -> str:
    """Returns a table of the measures of forecasts, a row for each way to make them."""
    lines = [["", *MEASURES.values()]]
    for name, forecasts in rows.items():
        values = measure(forecasts, unit)
        lines.append([name, *(f"{values[key]:.4g}" for key in MEASURES)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        )
        for line in lines
    )


def target_tables(
    panel: Panel, rows: Mapping[str, Forecasts], unit: np.ndarray
) -> list[str]:
    """Returns the table of each target, if there are several."""
    names = panel.columns.targets
    if len(names) == 1:
        return []
    return [
        f"{name}:\n" + scores_table({n: _of(f, c) for n, f in rows.items()}, own)
        for c, name in enumerate(names)
        for own in [unit[:, c : c + 1]]
    ]


def plot_horizon(rows: Mapping[str, Forecasts], label: str) -> "Figure":
    """Draws the mean absolute error of each step of the horizon."""
    figure = new_figure()
    axes = figure.add_subplot()
    for name, forecasts in rows.items():
        errors = np.abs(forecasts.truth - forecasts.median).mean(axis=(0, 2))
        steps = np.arange(1, len(errors) + 1)
        axes.plot(steps, errors, "o-", color=COLORS[name], markersize=3, label=name)
    axes.set_xlabel("steps ahead")
    axes.set_ylabel(f"mean absolute error, {label}")
    axes.set_ylim(0)
    hide_frame(axes)
    axes.legend(frameon=False)
    return figure


def plot_forecasts(panel: Panel, rows: Mapping[str, Forecasts]) -> "Figure":
    """Draws four forecasts of the first target beside what came true.

    They are evenly spaced over the origins, so neither the best nor the worst.
    """
    forecasts = rows[MODEL]
    count, _, horizon, _ = forecasts.quantiles.shape
    figure = new_figure(9.0, 5.2)
    chosen = np.linspace(0, count - 1, 4).round().astype(int)
    panels = figure.subplots(2, 2, squeeze=False).flat
    after = np.arange(1, horizon + 1)
    has_spread = (forecasts.quantiles[:, 0] != forecasts.quantiles[:, -1]).any()
    for axes, i in zip(panels, chosen):
        row, time = forecasts.origins.rows[i], forecasts.origins.times[i]
        before = np.arange(-min(2 * horizon, time), 1)
        past = panel.arrays.values[row, time + before, 0]
        axes.plot(before, past, color="0.3", linewidth=1)
        truth = np.concatenate([past[-1:], forecasts.truth[i, :, 0]])
        axes.plot([0, *after], truth, color="0.3", linewidth=1, label="true")
        low, high = forecasts.quantiles[i, [0, -1], :, 0]
        if has_spread:
            style = {"color": BLUE, "alpha": 0.2, "linewidth": 0}
            axes.fill_between(after, low, high, **style, label="10 to 90 %")
        for name, other in rows.items():
            style = {"color": COLORS[name], "linewidth": 1.2, "label": name}
            dashes = "-" if name == MODEL else "--"
            axes.plot(after, other.median[i, :, 0], dashes, **style)
        axes.axvline(0, color="0.7", linewidth=0.8)
        axes.set_title(place_of(panel, forecasts, i), fontsize="small")
        hide_frame(axes)
    figure.supxlabel("steps from the origin", fontsize="medium")
    figure.supylabel(panel.columns.targets[0], fontsize="medium")
    panels[0].legend(frameon=False, fontsize="x-small")
    return figure


def plot_calibration(forecasts: Forecasts) -> "Figure":
    """Draws how often the truth is below each quantile, against how often it should."""
    figure = new_figure(4.6, 4.4)
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=0.8)
    axes.plot(PROBABILITIES, coverage(forecasts), "o-", color=RED, markersize=4)
    axes.set_xlabel("probability of the quantile")
    axes.set_ylabel("share of true values at or below it")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    hide_frame(axes)
    return figure


def worst_forecasts(panel: Panel, rows: Mapping[str, Forecasts]) -> str:
    """Returns the worst forecasts as text, those with the largest errors first.

    The errors are means over the steps and the targets of a forecast; of forecasts that
    overlap only the worst is listed.
    """
    forecasts = rows[MODEL]
    errors = {n: np.abs(f.truth - f.median).mean(axis=(1, 2)) for n, f in rows.items()}
    horizon = forecasts.truth.shape[1]
    lines: list[str] = []
    taken: dict[int, list[int]] = {}
    for i in np.argsort(-errors[MODEL], kind="stable"):
        row, time = int(forecasts.origins.rows[i]), int(forecasts.origins.times[i])
        if any(abs(time - other) < horizon for other in taken.get(row, [])):
            continue
        taken.setdefault(row, []).append(time)
        beside = ", ".join(f"{n} {e[i]:.4g}" for n, e in errors.items() if n != MODEL)
        lines.append(
            f"{place_of(panel, forecasts, int(i))}: mean absolute error "
            f"{errors[MODEL][i]:.4g} ({beside})"
        )
        for c, name in enumerate(panel.columns.targets):
            lines.append(f"  {name} true:     {_numbers(forecasts.truth[i, :, c])}")
            lines.append(
                f"  {name} forecast: {_numbers(forecasts.quantiles[i, MEDIAN, :, c])}"
            )
        if sum(map(len, taken.values())) == NUM_WORST:
            break
    return "\n".join(lines) + "\n"


def place_of(panel: Panel, forecasts: Forecasts, i: int) -> str:
    """Returns the series and the time of an origin, as text."""
    row, time = forecasts.origins.rows[i], int(forecasts.origins.times[i])
    series = panel.series[row]
    if series.times is None:
        return f"{series.name}, after step {time + 1:,}"
    moment = str(series.times[time]).replace("T", " ").removesuffix(":00")
    return f"{series.name}, after {moment.removesuffix(' 00:00')}"


def write_test(
    run: Run, done: int, panel: Panel, rows: Mapping[str, Forecasts], unit: np.ndarray
) -> None:
    """Prints the tables of the test, draws its figures, writes the worst forecasts."""
    run.print("test:\n" + scores_table(rows, unit))
    for table in target_tables(panel, rows, unit):
        run.print(table)
    shares = ", ".join(f"{share:.3f}" for share in coverage(rows[MODEL]))
    forecasts = rows[MODEL]
    names = panel.columns.targets
    run.write_plot("horizon", plot_horizon(rows, ", ".join(names)))
    run.write_plot("forecasts", plot_forecasts(panel, rows))
    if (forecasts.quantiles[:, 0] != forecasts.quantiles[:, -1]).any():
        run.print(f"share of true values at most the quantiles 0.1 ... 0.9: {shares}")
        run.write_plot("calibration", plot_calibration(forecasts))
    run.write_sample(done, worst_forecasts(panel, rows), "_errors.txt")


def _of(forecasts: Forecasts, target: int) -> Forecasts:
    """Returns the forecasts of one target."""
    one = slice(target, target + 1)
    quantiles, truth = forecasts.quantiles[..., one], forecasts.truth[..., one]
    return Forecasts(quantiles, forecasts.origins, truth)


def _numbers(values: np.ndarray) -> str:
    return " ".join(f"{value:.4g}" for value in values)

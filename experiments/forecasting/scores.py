"""How good forecasts are, and what costs nothing and must be beaten."""

from typing import NamedTuple

import numpy as np

from experiments.forecasting.panel import Origins, Panel, Part
from experiments.harness import BadInput

PROBABILITIES = np.arange(1, 10) / 10
MEDIAN = 4  # its place among them


class Forecasts(NamedTuple):
    """Forecasts from O origins.

    Attributes:
      quantiles: `[O, Q, H, num_targets]`, of the probabilities 0.1, 0.2, ..., 0.9.
      origins: the origins.
      truth: `[O, H, num_targets]`, what came true.
    """

    quantiles: np.ndarray
    origins: Origins
    truth: np.ndarray

    @property
    def median(self) -> np.ndarray:
        """The forecast `[O, H, num_targets]` by which the absolute error is judged."""
        return self.quantiles[:, MEDIAN]


def true_values(panel: Panel, origins: Origins, horizon: int) -> np.ndarray:
    """Returns what came true, `[O, H, num_targets]`."""
    steps = origins.times[:, None] + np.arange(1, horizon + 1)
    return panel.arrays.values[origins.rows[:, None], steps]


def persistence(
    panel: Panel, origins: Origins, horizon: int, period: int = 1
) -> Forecasts:
    """Repeats what was: the last value, or the last season.

    Args:
      panel: the series.
      origins: from where to forecast.
      horizon: number of steps.
      period: steps of a season; 1: the last value.

    Returns:
      The forecasts; all quantiles are the same value.

    Raises:
      BadInput: if there is no whole season before an origin.
    """
    if origins.times.min() < period - 1:
        raise BadInput(f"period must fit into the training part, got {period:,} steps.")
    steps = origins.times[:, None] - period + 1 + np.arange(horizon) % period
    values = panel.arrays.values[origins.rows[:, None], steps]
    quantiles = np.repeat(values[:, None], len(PROBABILITIES), axis=1)
    return Forecasts(quantiles, origins, true_values(panel, origins, horizon))


def baselines(panel: Panel, origins: Origins, horizon: int) -> dict[str, Forecasts]:
    """Makes the forecasts that cost nothing, by their names."""
    rows = {"persistence": persistence(panel, origins, horizon)}
    if panel.period is not None:
        seasonal = persistence(panel, origins, horizon, panel.period)
        rows["seasonal persistence"] = seasonal
    return rows


def seasonal_errors(panel: Panel, part: Part) -> np.ndarray:
    """Computes the unit of the MASE from what came before a part.

        mean |yₜ - yₜ₋ₘ|,   m the steps of a season, or 1

    Args:
      panel: the series.
      part: the part in which forecasts are judged, not the training part.

    Returns:
      `[S, num_targets]`.

    Raises:
      BadInput: if a series repeats itself exactly, so that the unit is 0.
    """
    period = panel.period or 1
    errors = []
    for series in panel.series:
        before = series.values[: series.ends[0 if part == "validation" else 1]]
        errors.append(np.abs(before[period:] - before[:-period]).mean(axis=0))
        if not errors[-1].all():
            raise BadInput(
                f"{series.name} repeats itself exactly after {period:,} steps: it has "
                "no mean absolute scaled error."
            )
    return np.stack(errors)


def measure(forecasts: Forecasts, unit: np.ndarray) -> dict[str, float]:
    """Measures forecasts, over all origins, steps and targets.

    Args:
      forecasts: the forecasts.
      unit: `[S, num_targets]`, see `seasonal_errors`.

    Returns:
      `mae`, the mean absolute error of the median; `last_mae`, that of the last step of
      the horizon; `mase`, in the unit of each series; `smape`, in percent,
      200 |y - f| / (|y| + |f|), 0 where both are 0; `wql`, the mean over the
      probabilities q of 2 Σ max(q e, (q - 1) e) / Σ |y|, e = y - f_q, infinite if all y
      are 0.

    References:
      Hyndman and Koehler, "Another look at measures of forecast accuracy",
      International Journal of Forecasting 2006; Makridakis, Spiliotis and
      Assimakopoulos, "The M4 Competition", 2020, for sMAPE and MASE; Salinas et al.,
      "DeepAR", 2020, for the weighted quantile loss.
    """
    truth, median = forecasts.truth, forecasts.median
    errors = np.abs(truth - median)
    sizes = np.abs(truth) + np.abs(median)
    relative = np.divide(errors, sizes, out=np.zeros_like(errors), where=sizes > 0)
    e = truth[:, None] - forecasts.quantiles
    q = PROBABILITIES[:, None, None]
    total = np.abs(truth).sum()
    losses = 2 * np.maximum(q * e, (q - 1) * e).sum() / len(PROBABILITIES)
    return {
        "mae": errors.mean(),
        "last_mae": errors[:, -1].mean(),
        "mase": (errors / unit[forecasts.origins.rows][:, None]).mean(),
        "smape": 200 * relative.mean(),
        "wql": losses / total if total else np.inf,
    }


def coverage(forecasts: Forecasts) -> np.ndarray:
    """Returns the share `[Q]` of what came true that is at most each quantile."""
    return (forecasts.truth[:, None] <= forecasts.quantiles).mean(axis=(0, 2, 3))

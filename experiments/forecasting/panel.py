"""Series beside each other: their parts in time, their scale, their windows."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.harness import BadInput
from rnnjax.models.series import Window

Part = Literal["train", "validation", "test"]


class Series(NamedTuple):
    """One series of several columns.

    Attributes:
      name: its name.
      values: `[N, num_targets]`, what is forecast.
      inputs: `[N, num_inputs]`, what else is observed.
      known: `[N, num_known]`, what is known in advance.
      times: `[N]` datetime64, or None.
      ends: where the training and the validation part end; the test part ends at N.
    """

    name: str
    values: np.ndarray
    inputs: np.ndarray
    known: np.ndarray
    times: np.ndarray | None
    ends: tuple[int, int]


class Arrays(NamedTuple):
    """The columns of S series, `[S, N, num_columns]`, zeros after the end of each."""

    values: Any
    inputs: Any
    known: Any


class Panel(NamedTuple):
    """Series beside each other.

    Attributes:
      series: the series.
      arrays: their columns, as they were read.
      columns: the names of the columns.
      period: steps of a season; None: there is none.
      digests: SHA-256 of every file, by name.
    """

    series: list[Series]
    arrays: Arrays
    columns: "Columns"
    period: int | None
    digests: dict[str, str]


class Columns(NamedTuple):
    """The names of the columns of each kind."""

    targets: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


class Scale(NamedTuple):
    """The mean and the standard deviation of every column, `[S, num_columns]` each."""

    mean: Arrays
    deviation: Arrays


def pack(series: Sequence[Series]) -> Arrays:
    """Puts the columns of series of any lengths into arrays."""
    most = max(len(one.values) for one in series)

    def padded(name):
        columns = [getattr(one, name) for one in series]
        packed = np.zeros((len(series), most, columns[0].shape[1]))
        for row, column in zip(packed, columns):
            row[: len(column)] = column
        return packed

    return Arrays(*(padded(name) for name in Arrays._fields))


def fit_scale(panel: Panel, *, scales_values: bool = True) -> Scale:
    """Computes the scale of every column from its training part alone.

    Args:
      panel: the series.
      scales_values: whether what is forecast is scaled; if not, its mean is taken as 0
        and its deviation as 1, for models that normalize each window.

    Returns:
      The scale.

    Raises:
      BadInput: if a column is constant in the training part.
    """
    means, deviations = [], []
    for field, names in zip(Arrays._fields, panel.columns):
        shape = len(panel.series), len(names)
        mean, deviation = np.zeros(shape), np.ones(shape)
        if field != "values" or scales_values:
            for s, series in enumerate(panel.series):
                seen = getattr(series, field)[: series.ends[0]]
                mean[s], deviation[s] = seen.mean(axis=0), seen.std(axis=0)
                constant = seen.min(axis=0) == seen.max(axis=0)
                if constant.any():
                    name = names[int(constant.argmax())]
                    raise BadInput(
                        f"column {name!r} of {series.name} is constant in the training "
                        f"part, its first {len(seen):,} steps, and cannot be scaled."
                    )
        means.append(mean)
        deviations.append(deviation)
    return Scale(Arrays(*means), Arrays(*deviations))


def scaled(panel: Panel, scale: Scale) -> Arrays:
    """Subtracts the means and divides by the deviations; float32."""

    def apply(values, mean, deviation):
        return ((values - mean[:, None]) / deviation[:, None]).astype(np.float32)

    return Arrays(*map(apply, panel.arrays, scale.mean, scale.deviation))


class Origins(NamedTuple):
    """From where forecasts are made: series `rows[i]`, last seen step `times[i]`."""

    rows: np.ndarray
    times: np.ndarray


def find_origins(panel: Panel, part: Part, window: int, horizon: int) -> Origins:
    """Returns all origins whose whole horizon lies in a part.

    The window before a forecast of the validation or the test part may reach back into
    the parts before: these steps are past. One of the training part lies in it too.

    Raises:
      BadInput: if a series is too short for the window and the horizon.
    """
    rows, times = [], []
    for row, series in enumerate(panel.series):
        bounds = (0, *series.ends, len(series.values))
        number = ("train", "validation", "test").index(part)
        start, end = bounds[number : number + 2]
        first = max(window, start) - 1
        last = end - 1 - horizon
        if last < first:
            raise BadInput(
                f"{series.name} is too short: the {part} part of its "
                f"{len(series.values):,} steps, {start:,} to {end:,}, holds no window "
                f"of {window:,} and horizon of {horizon:,} steps."
            )
        rows.append(np.full(last - first + 1, row))
        times.append(np.arange(first, last + 1))
    return Origins(np.concatenate(rows), np.concatenate(times))


def some_origins(origins: Origins, number: int) -> Origins:
    """Returns at most so many origins, evenly spaced."""
    count = len(origins.rows)
    chosen = np.linspace(0, count - 1, min(number, count)).round().astype(int)
    return Origins(origins.rows[chosen], origins.times[chosen])


def windows_at(
    arrays: Arrays, origins: Any, window: int, horizon: int
) -> tuple[Window, Any]:
    """Returns the windows that end at origins, and the values that follow.

    Args:
      arrays: of NumPy or of JAX.
      origins: `Origins` of B origins.
      window: steps of a window, W.
      horizon: steps after it, H.

    Returns:
      The windows, and the targets `[B, H, num_targets]`.
    """
    rows = origins.rows[:, None]
    before = origins.times[:, None] + np.arange(1 - window, 1)
    after = origins.times[:, None] + np.arange(1, horizon + 1)
    both = origins.times[:, None] + np.arange(1 - window, horizon + 1)
    return Window(
        arrays.values[rows, before],
        arrays.inputs[rows, before] if arrays.inputs.shape[-1] else None,
        arrays.known[rows, both] if arrays.known.shape[-1] else None,
    ), arrays.values[rows, after]

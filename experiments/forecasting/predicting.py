"""Forecasts for lines of values, by a trained run."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.forecasting.calendar import calendar, calendar_names
from experiments.forecasting.panel import Arrays, Panel, Scale
from experiments.forecasting.scores import MEDIAN, PROBABILITIES
from experiments.shared.answering import Answer
from experiments.shared.trained import Trained
from rnnjax.models.series import Window

Numbers = tuple[tuple[float, ...], ...]  # by series and column


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a run keeps of its series.

    Attributes:
      targets, inputs, known: the names of the columns; those of the calendar are the
        last ones known.
      series: the names of the series.
      value_means, value_deviations, input_means, input_deviations, known_means,
        known_deviations: the scale of every column of every series.
      period: steps of a season, or None.
      step_seconds: the usual time from a step to the next, or None.
    """

    targets: tuple[str, ...]
    inputs: tuple[str, ...]
    known: tuple[str, ...]
    series: tuple[str, ...]
    value_means: Numbers
    value_deviations: Numbers
    input_means: Numbers
    input_deviations: Numbers
    known_means: Numbers
    known_deviations: Numbers
    period: int | None
    step_seconds: float | None

    @property
    def scale(self) -> Scale:
        """The scale as arrays."""

        def arrays(kind):
            names = (f"{name}_{kind}" for name in ("value", "input", "known"))
            return Arrays(*(np.array(getattr(self, name)) for name in names))

        return Scale(arrays("means"), arrays("deviations"))


def symbols_of(panel: Panel, scale: Scale) -> Symbols:
    """Returns what a run keeps of its series."""
    numbers = {
        f"{name}_{kind}": tuple(tuple(row) for row in values.tolist())
        for kind, arrays in zip(("means", "deviations"), scale)
        for name, values in zip(("value", "input", "known"), arrays)
    }
    at = panel.series[0].times
    seconds = None
    if at is not None:
        seconds = float(np.median(np.diff(at) / np.timedelta64(1, "s")))
    return Symbols(
        *panel.columns,
        tuple(series.name for series in panel.series),
        period=panel.period,
        step_seconds=seconds,
        **numbers,
    )


def make_line_reply(trained: Trained) -> Callable[[str], Answer]:
    """Makes the function that forecasts what follows a line.

    A line holds numbers, separated by blanks or commas, if the model reads one column:
    the values of a window, the last of them now. Or it is a JSON object: a list of at
    least as many values for each column by its name, as many more as the horizon has
    steps for columns known in advance; `time`, that of the last value, if the model
    reads the calendar; `series`, the name of the series, if each has its own scale.

    Args:
      trained: the run.

    Returns:
      `reply(line)`: the forecast, and in the format jsonl its quantiles.

    Raises:
      ValueError: by `reply`, if the line cannot be read; says what is wrong.
    """
    module, config, symbols = trained
    graph, params = nnx.graphdef(module), nnx.as_pure(nnx.state(module))
    scale = symbols.scale

    @jax.jit
    def quantiles(window):
        model = nnx.merge(graph, params)
        return model.quantiles(window, PROBABILITIES, key=jax.random.key(config.seed))

    def reply(line):
        given = _parse(line, symbols)
        row = _series_row(given, symbols, config)
        window = _window(given, symbols, config)
        read: Any = [
            None if x is None else _scaled(x, mean[row], deviation[row])
            for x, mean, deviation in zip(window, scale.mean, scale.deviation)
        ]
        found = np.asarray(quantiles(Window(*read)))[:, 0]
        found = scale.mean.values[row] + scale.deviation.values[row] * found
        has_spread = config.output != "value"
        fields: dict[str, Any] = {"forecast": {}}
        if has_spread:
            fields["quantiles"] = {}
        texts = []
        for c, name in enumerate(symbols.targets):
            median = found[MEDIAN, :, c].tolist()
            fields["forecast"][name] = median
            if has_spread:
                fields["quantiles"][name] = {
                    f"{p:.1f}": found[q, :, c].tolist()
                    for q, p in enumerate(PROBABILITIES)
                }
            text = " ".join(f"{value:.6g}" for value in median)
            texts.append(text if len(symbols.targets) == 1 else f"{name}: {text}")
        return Answer("; ".join(texts), fields)

    return reply


def _scaled(values, mean, deviation):
    """Scales the columns of a line; a batch of one, float32."""
    return ((values - mean) / deviation).astype(np.float32)[None]


def _parse(line: str, symbols: Symbols) -> dict[str, Any]:
    """Returns the fields of a line, its numbers as the only column's."""
    line = line.strip()
    if line.startswith("{"):
        try:
            return json.loads(line)
        except ValueError as error:
            raise ValueError(f"the line must be JSON, but: {error}.") from None
    columns = [*symbols.targets, *symbols.inputs, *symbols.known]
    if len(columns) > 1:
        raise ValueError(
            "the line must be a JSON object with the columns that the model reads, "
            f"{', '.join(columns)}."
        )
    return {columns[0]: line.replace(",", " ").split()}


def _series_row(given: dict[str, Any], symbols: Symbols, config: Any) -> int:
    """Returns the place of the series whose scale is that of the line."""
    if config.normalize != "train" and not (symbols.inputs or symbols.known):
        return 0  # scaled by the line itself
    if "series" not in given and len(symbols.series) == 1:
        return 0
    if given.get("series") not in symbols.series:
        names = ", ".join(symbols.series[:9])
        raise ValueError(
            f"series must be one of {names}{', ...' * (len(symbols.series) > 9)}, "
            f"got {given.get('series')!r}."
        )
    return symbols.series.index(given["series"])


def _window(given: dict[str, Any], symbols: Symbols, config: Any) -> Window:
    """Returns the window of a line, not scaled and without the axis of the batch."""

    def read(names, num_later):
        columns = [_column(given, name) for name in names]
        needed = config.window + num_later
        for name, column in zip(names, columns):
            if len(column) < needed:
                raise ValueError(
                    f"{name} must hold at least {needed} values, got {len(column)}."
                )
        return np.stack([x[-needed:] for x in columns], axis=-1) if columns else None

    moments = calendar_names(config.calendar)
    known = read(symbols.known[: len(symbols.known) - len(moments)], config.horizon)
    if moments:
        wave = _calendar_after(given, symbols, config)
        known = wave if known is None else np.concatenate([known, wave], axis=-1)
    values = read(symbols.targets, 0)
    assert values is not None  # there is a target
    return Window(values, read(symbols.inputs, 0), known)


def _column(given: dict[str, Any], name: str) -> np.ndarray:
    if name not in given:
        raise ValueError(f"the line must hold {name}, got {', '.join(given)}.")
    values = given[name]
    try:
        column = np.array([float(value) for value in values])
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers, got {values!r}.") from None
    if not np.isfinite(column).all():
        raise ValueError(f"{name} must be finite numbers, got {values!r}.")
    return column


def _calendar_after(given: dict[str, Any], symbols: Symbols, config: Any) -> np.ndarray:
    """Returns the calendar of the window and the horizon around the time given."""
    try:
        now = np.datetime64(given["time"], "s")
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            "time must be that of the last value, such as 2016-07-01 13:00, "
            f"got {given.get('time')!r}."
        ) from None
    steps = np.arange(1 - config.window, config.horizon + 1)
    seconds = np.round(steps * (symbols.step_seconds or 0)).astype("timedelta64[s]")
    return calendar(now + seconds, config.calendar)

"""The series of every data set and of files of one's own, in parts."""

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data import lookup
from experiments.data.registry import dataset as registered
from experiments.data.tables import Fill, Table, numbers, read_table, times
from experiments.forecasting.calendar import Part, calendar, calendar_names
from experiments.forecasting.panel import Columns, Panel, Series, pack
from experiments.forecasting.sunspots import PERIOD, made_sunspots
from experiments.harness import BadInput, TrainingConfig, flag

Ends = Callable[[int], tuple[int, int]]  # of the training and the validation part
CURRENCIES = ("AUD", "GBP", "CAD", "CHF", "CNY", "JPY", "NZD", "SGD")
M4_HORIZON = 48


@dataclasses.dataclass(frozen=True)
class SeriesFlags(TrainingConfig):
    """The flags that say which series to forecast, and which columns are what."""

    dataset: Literal[
        "made", "sunspots", "melbourne", "beijing", "etth1", "exchange_rate", "m4"
    ] = flag("made", "data set; made is a formula's sunspots")
    data_path: Path | None = flag(
        None, "table of your own: CSV with a header, a step per row"
    )
    target: tuple[str, ...] = flag((), "columns to forecast; needed with data_path")
    inputs: tuple[str, ...] = flag((), "other columns to read, observed like target")
    known: tuple[str, ...] = flag((), "columns known in advance, for the horizon too")
    calendar: tuple[Part, ...] = flag(
        (), "parts of the calendar, known in advance; needs time_column"
    )
    time_column: tuple[str, ...] = flag(
        (), "column of the time of each row, or several: year, month, day, hour"
    )
    series_column: str | None = flag(
        None, "column that names the series of each row; none: there is one"
    )
    separate: bool = flag(
        False, "each target is a series of its own, and one model serves all"
    )
    fill: Fill | None = flag(
        None, "what stands for a missing value; none: there must be no such value"
    )
    period: int | None = flag(
        None, "steps of a season, for the seasonal baseline; none: the data set's"
    )
    train_fraction: float = flag(
        0.8, "share of the steps to train on; half of the rest is for validation"
    )
    encoding: str = flag("utf-8", "encoding of data_path")

    def __post_init__(self):
        """Checks what belongs together."""
        super().__post_init__()
        if self.period is not None and self.period < 1:
            raise ValueError(f"period must be at least 1, got {self.period}.")
        if not 0 < self.train_fraction < 1:
            raise ValueError(
                f"train_fraction must be between 0 and 1, got {self.train_fraction}."
            )
        if self.data_path is not None and not self.target:
            raise ValueError("target must name a column of data_path, got none.")
        if self.data_path is None and self.series_column is not None:
            raise ValueError("series_column needs data_path.")
        twice = [*self.target, *self.inputs, *self.known]
        for name in twice:
            if twice.count(name) > 1:
                raise ValueError(
                    f"target, inputs and known must differ, got {name!r} twice."
                )


class Standard(NamedTuple):
    """How a data set is used: its columns, its season and its parts."""

    name: str  # in the registry
    target: tuple[str, ...]
    time_column: tuple[str, ...]
    period: int
    ends: Ends | None = None  # None: by train_fraction
    length: int | None = None  # None: all
    names: tuple[str, ...] | None = None  # of a file without a header


STANDARDS = {
    "sunspots": Standard("sunspots", ("Sunspots",), ("Month",), PERIOD),
    # the last two years are for the test, the two before for validation
    "melbourne": Standard(
        "melbourne", ("Temp",), ("Date",), 365, lambda n: (n - 1460, n - 730)
    ),
    # the second half is for the test, as in Chollet's use of such a series
    "beijing": Standard(
        "beijing",
        ("TEMP",),
        ("year", "month", "day", "hour"),
        24,
        lambda n: (int(0.4 * n), n // 2),
    ),
    # 12, 4 and 4 months of 30 days; Zhou et al., "Informer", AAAI 2021
    "etth1": Standard(
        "etth1", ("OT",), ("date",), 24, lambda n: (8640, 11520), length=14400
    ),
    # 60, 20 and 20 percent; Lai et al., SIGIR 2018
    "exchange_rate": Standard(
        "exchange_rate",
        CURRENCIES,
        (),
        5,
        lambda n: (int(0.6 * n), int(0.8 * n)),
        names=CURRENCIES,
    ),
}


def load_panel(flags: SeriesFlags) -> Panel:
    """Loads the series.

    Raises:
      BadInput: if a file cannot be read, or has other columns.
      MissingData: if the data set is not on this machine.
      ValueError: if columns are named of a data set that has none.
    """
    if flags.data_path is not None:
        path = flags.data_path
        table = read_table(path, flags.encoding)
        digests = {str(path): hashlib.sha256(path.read_bytes()).hexdigest()}
        series = [
            one
            for name, part in _tables_by_series(table, flags.series_column)
            for one in _read_series(part, name, flags, flags.time_column, None)
        ]
        return _panel(flags, flags.target, series, flags.period, digests)
    if flags.dataset == "made":
        values = made_sunspots(3000, seed=0)[:, None]
        none = np.zeros((len(values), 0))
        ends = _ends(flags, None, len(values))
        series = [Series("made sunspots", values, none, none, None, ends)]
        return _panel(flags, ("sunspots",), series, flags.period or PERIOD, {})
    if flags.dataset == "m4":
        return _load_m4(flags)
    standard = STANDARDS[flags.dataset]
    (path,) = lookup.find(standard.name, flags.data_dir).values()
    table = read_table(path, names=standard.names)
    if standard.length is not None:
        columns = {n: column[: standard.length] for n, column in table.columns.items()}
        table = table._replace(columns=columns, lines=table.lines[: standard.length])
    target = flags.target or standard.target
    chosen = dataclasses.replace(flags, target=target)
    time_column = flags.time_column or standard.time_column
    series = _read_series(table, flags.dataset, chosen, time_column, standard.ends)
    digests = registered(standard.name).digests
    return _panel(flags, target, series, flags.period or standard.period, digests)


def _panel(flags, target, series, period, digests) -> Panel:
    known = (*flags.known, *calendar_names(flags.calendar))
    targets = ("value",) if flags.separate else tuple(target)
    columns = Columns(targets, flags.inputs, known)
    return Panel(series, pack(series), columns, period, digests)


def _ends(flags: SeriesFlags, ends: Ends | None, length: int) -> tuple[int, int]:
    if ends is not None:
        return ends(length)
    train = int(flags.train_fraction * length)
    return train, train + (length - train) // 2


def _tables_by_series(table: Table, column: str | None) -> list[tuple[str, Table]]:
    """Returns the rows of each series, in their order, by its name."""
    if column is None:
        return [(table.path.name, table)]
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(table.column(column)):
        rows.setdefault(name, []).append(row)
    return [
        (
            name,
            table._replace(
                columns={n: [c[i] for i in own] for n, c in table.columns.items()},
                lines=[table.lines[i] for i in own],
            ),
        )
        for name, own in rows.items()
    ]


def _read_series(
    table: Table,
    name: str,
    flags: SeriesFlags,
    time_column: Sequence[str],
    ends: Ends | None,
) -> list[Series]:
    """Reads the columns of one series; with `separate` a series for each target."""

    def read(names):
        columns = [numbers(table, column, flags.fill) for column in names]
        return np.stack(columns, -1) if columns else np.zeros((len(table.lines), 0))

    at = times(table, time_column) if time_column else None
    if flags.calendar and at is None:
        raise BadInput("calendar needs time_column.", table.path)
    known = read(flags.known)
    if at is not None:
        known = np.concatenate([known, calendar(at, flags.calendar)], axis=-1)
    values, inputs = read(flags.target), read(flags.inputs)
    parts = _ends(flags, ends, len(values))
    if not flags.separate:
        return [Series(name, values, inputs, known, at, parts)]
    names = [target if len(flags.target) > 1 else name for target in flags.target]
    if flags.series_column is not None:
        names = [f"{name} {target}" for target in flags.target]
    return [
        Series(names[c], values[:, c : c + 1], inputs, known, at, parts)
        for c in range(len(names))
    ]


def _load_m4(flags: SeriesFlags) -> Panel:
    """Loads the hourly series of M4: the last 48 steps are the test, 48 validation."""
    if flags.target or flags.inputs or flags.known or flags.calendar:
        raise ValueError("m4 has one column per series, and no times.")
    paths = lookup.find("m4_hourly", flags.data_dir)
    train, test = (_rows(paths[f"Hourly-{part}.csv"]) for part in ("train", "test"))
    series = []
    for name, before in train.items():
        values = np.concatenate([before, test[name]])[:, None]
        none = np.zeros((len(values), 0))
        ends = len(before) - M4_HORIZON, len(before)
        series.append(Series(name, values, none, none, None, ends))
    digests = registered("m4_hourly").digests
    return _panel(flags, ("value",), series, flags.period or 24, digests)


def _rows(path: lookup.AnyPath) -> dict[str, np.ndarray]:
    """Reads a table with a series per row: its name, its values, empty ones after."""
    names, *steps = read_table(path).columns.values()
    rows = {}
    for name, *texts in zip(names, *steps):
        given = [text for text in texts if text]
        rows[name] = np.array(given, dtype=float)
    return rows


def time_steps(panel: Panel) -> str | None:
    """Says how regular the times are; None if there are none.

    Steps longer than one and a half usual ones are counted, since a window counts rows.
    """
    notes = []
    for series in panel.series:
        if series.times is not None and len(series.times) > 1:
            steps = np.diff(series.times) / np.timedelta64(1, "s")
            usual = np.median(steps)
            long = int((steps > 1.5 * usual).sum())
            if long:
                notes.append(
                    f"{series.name}: {long:,} steps of time are longer than usual"
                )
    if panel.series[0].times is None:
        return None
    return "; ".join(notes) or "no step of time is longer than usual"

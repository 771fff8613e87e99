"""Tables of one's own: what is read, and the messages for what cannot be."""

import datetime

import numpy as np
import pytest

from experiments.data import lookup
from experiments.forecasting import loading
from experiments.forecasting.calendar import calendar, calendar_names
from experiments.forecasting.loading import SeriesFlags, load_panel, time_steps
from experiments.forecasting.sunspots import made_sunspots
from experiments.harness import BadInput

START = datetime.datetime(2024, 2, 27, 18)


def hourly(num_rows, step=1):
    return [START + datetime.timedelta(hours=step * i) for i in range(num_rows)]


def write(path, rows, header="time,load,wind,plan,city"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]))
    return path


@pytest.fixture
def table(tmp_path):
    """Twenty hours of two cities, one row after the other."""
    rows = []
    for i, time in enumerate(hourly(20)):
        rows.append((time, i, 10 * i, 100 - i, "Ulm"))
        rows.append((time, -i, 7 * i, i, "Bonn"))
    return write(tmp_path / "t.csv", rows)


def load(path, **flags):
    options = {"target": ("load",), "time_column": ("time",), **flags}
    return load_panel(SeriesFlags(data_path=path, **options))


def test_a_series_per_name_and_the_calendar(table):
    panel = load(
        table,
        series_column="city",
        inputs=("wind",),
        known=("plan",),
        calendar=("hour", "weekday", "day_of_year"),
        train_fraction=0.5,
    )
    assert [series.name for series in panel.series] == ["Ulm", "Bonn"]
    first, second = panel.series
    np.testing.assert_array_equal(second.values[:, 0], -np.arange(20))
    np.testing.assert_array_equal(first.inputs[:, 0], 10 * np.arange(20))
    np.testing.assert_array_equal(first.known[:, 0], 100 - np.arange(20))
    assert first.ends == (10, 15) and len(panel.columns.known) == 7
    for i, time in enumerate(hourly(20)):
        parts = [
            (time.hour, 24),
            (time.weekday(), 7),
            (time.timetuple().tm_yday - 1 + time.hour / 24, 365.2425),
        ]
        angles = [2 * np.pi * value / length for value, length in parts]
        want = [f(angle) for angle in angles for f in (np.sin, np.cos)]
        np.testing.assert_allclose(first.known[i, 1:], want, atol=1e-12)
    assert list(panel.digests) == [str(table)]


def test_targets_as_series_of_their_own(tmp_path):
    rows = [(i, 2 * i, 3 * i) for i in range(12)]
    path = write(tmp_path / "t.csv", rows, "a,b,c")
    flags = {"target": ("a", "c"), "inputs": ("b",), "separate": True}
    panel = load(path, time_column=(), **flags)
    assert [series.name for series in panel.series] == ["a", "c"]
    assert panel.arrays.values.shape == (2, 12, 1) and panel.columns.targets == (
        "value",
    )
    np.testing.assert_array_equal(panel.arrays.values[1, :, 0], 3 * np.arange(12))
    np.testing.assert_array_equal(*panel.arrays.inputs)


def test_series_of_unequal_length_lie_beside_each_other(tmp_path):
    rows = [(i, "x") for i in range(5)] + [(9 - i, "y") for i in range(8)]
    path = write(tmp_path / "t.csv", rows, "load,city")
    panel = load(path, time_column=(), series_column="city")
    values = panel.arrays.values[..., 0]
    np.testing.assert_array_equal(values[0], [0, 1, 2, 3, 4, 0, 0, 0])
    np.testing.assert_array_equal(values[1], 9 - np.arange(8))


def test_gaps_in_time_are_counted(tmp_path):
    times = [*hourly(5), *hourly(9)[7:]]
    path = write(tmp_path / "t.csv", [(t, 1) for t in times], "time,load")
    assert time_steps(load(path)) == "t.csv: 1 steps of time are longer than usual"
    assert time_steps(load(path, time_column=())) is None


BAD = {
    "text": ([(START, "x")], {}, "line 2: column 'load' .* finite numbers, got 'x'"),
    "missing": ([(START, "")], {}, "line 2: column 'load' has a missing value.*--fill"),
    "twice": ([(START, 1), (START, 2)], {}, "line 3: .* the same as that of the row"),
    "order": ([(t, 1) for t in hourly(2)[::-1]], {}, "line 3: .* before that of the"),
    "column": (
        [(START, 1)],
        {"target": ("lod",)},
        "must include 'lod', got time, load",
    ),
    "known": ([(START, 1)], {"known": ("sun",)}, "must include 'sun', got time, load"),
    "calendar": (
        [(START, 1)],
        {"time_column": (), "calendar": ("hour",)},
        "calendar needs time_column",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables(tmp_path, name):
    rows, flags, message = BAD[name]
    path = write(tmp_path / "t.csv", rows, "time,load")
    with pytest.raises(BadInput, match=f"t.csv.*{message}"):
        load(path, **flags)


def test_a_missing_value_is_filled_as_asked(tmp_path):
    rows = list(zip(hourly(4), (5, "NA", 7, "")))
    path = write(tmp_path / "t.csv", rows, "time,load")
    (series,) = load(path, fill="previous").series
    np.testing.assert_array_equal(series.values[:, 0], [5, 5, 7, 7])


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"data_path": "x"}, "target must name a column of data_path, got none"),
        ({"series_column": "x"}, "series_column needs data_path"),
        ({"target": ("a",), "known": ("a",)}, "must differ, got 'a' twice"),
        ({"train_fraction": 1.0}, "train_fraction must be between 0 and 1, got 1.0"),
        ({"period": 0}, "period must be at least 1, got 0"),
    ],
)
def test_bad_flags(flags, message):
    with pytest.raises(ValueError, match=message):
        SeriesFlags(**flags)


def test_m4_has_a_series_per_row(tmp_path, monkeypatch):
    steps = ",".join(f'"V{i}"' for i in range(1, 201))
    before = {"H1": np.arange(150.0), "H2": np.arange(199.0) + 7}
    rows = {"train": before, "test": {n: np.full(48, 5.0) for n in before}}
    paths = {}
    for part, series in rows.items():
        lines = [steps]
        for name, values in series.items():
            filled = [*values, *[""] * (199 - len(values))]
            lines.append(",".join([name, *map(str, filled)]))
        paths[f"Hourly-{part}.csv"] = tmp_path / f"{part}.csv"
        paths[f"Hourly-{part}.csv"].write_text("\n".join(lines))
    monkeypatch.setattr(lookup, "find", lambda *_: paths)
    panel = load_panel(SeriesFlags(dataset="m4"))
    assert [len(s.values) for s in panel.series] == [198, 247]
    assert [s.ends for s in panel.series] == [(102, 150), (151, 199)]
    np.testing.assert_array_equal(panel.series[1].values[:199, 0], before["H2"])
    with pytest.raises(ValueError, match="m4 has one column per series"):
        load_panel(SeriesFlags(dataset="m4", calendar=("hour",)))


def test_a_data_set_has_its_own_columns_and_parts(tmp_path, monkeypatch):
    rows = [(datetime.date(1990, 1, 1) + datetime.timedelta(i), i) for i in range(2000)]
    path = write(tmp_path / "m.csv", rows, '"Date","Temp"')
    monkeypatch.setattr(lookup, "find", lambda *_: {"m.csv": path})
    panel = load_panel(SeriesFlags(dataset="melbourne", calendar=("day_of_year",)))
    (series,) = panel.series
    assert series.ends == (540, 1270) and panel.period == 365
    assert panel.columns == (("Temp",), (), calendar_names(("day_of_year",)))
    assert set(loading.STANDARDS) | {"made", "m4"} == set(
        SeriesFlags.__dataclass_fields__["dataset"].type.__args__  # type: ignore
    )


def test_made_sunspots_rise_and_fall_every_eleven_years():
    values = made_sunspots(3000, seed=0)
    assert values.min() >= 0 and values.max() > 100
    np.testing.assert_array_equal(values, made_sunspots(3000, seed=0))
    power = np.abs(np.fft.rfft(values - values.mean()))
    assert 3000 / np.argmax(power) == pytest.approx(132, abs=15)


def test_nothing_of_the_calendar():
    times = np.array(["2024-01-01"], "M8[s]")
    assert calendar(times, ()).shape == (1, 0)

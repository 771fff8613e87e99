"""The forecasters, as a person runs them, at a tiny size."""

import datetime
import io
import json
import re
import sys
import types

import numpy as np
import pytest

import experiments.forecasting.__main__ as forecasting
from experiments.harness.command import BAD_INPUT, DONE
from tests.experiments.running import plots_of, results_of, run

RUN = "--num-updates 60 --eval-every 30 --learning-rate 0.02 --num-validated 20"
SIZES = "--hidden-size 6 --window 8 --horizon 4 --batch-size 16"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Writes a wave that a window and the plan determine."""
    path = tmp_path_factory.mktemp("data") / "wave.csv"
    rng = np.random.default_rng(0)
    plan = rng.normal(size=300).round(3)
    lines = ["time,load,plan"]
    for i in range(300):
        time = datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=i)
        lines.append(
            f"{time},{np.sin(i * np.pi / 6) + 0.3 * plan[i] + 9:.5f},{plan[i]}"
        )
    path.write_text("\n".join(lines))
    return path


def predict(monkeypatch, capsys, directory, lines, flags=""):
    text = types.SimpleNamespace(buffer=io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr(sys, "stdin", text)
    status = run(forecasting, f"--resume {directory} --predict {flags}")
    printed = capsys.readouterr()
    assert printed.out, printed.err
    return status, printed.out.splitlines()


def test_a_table_is_learned_and_a_run_is_used(table, tmp_path, monkeypatch, capsys):
    directory = tmp_path / "run"
    columns = (
        "--target load --known plan --calendar hour --time-column time --period 12"
    )
    flags = f"--data-path {table} {columns} {SIZES} {RUN} --run-dir {directory}"
    assert run(forecasting, flags) == DONE
    metrics = results_of(directory)["metrics"]
    printed = capsys.readouterr().out
    assert "test:" in printed and "seasonal persistence" in printed
    assert metrics["test_mase"] < 0.8  # repeating the season has 0.4 of noise
    assert plots_of(directory) == {
        "learning_curve",
        "forecasts",
        "horizon",
        "calibration",
    }
    (errors,) = (directory / "samples").iterdir()
    lines = errors.read_text().splitlines()
    worst = [float(text) for text in re.findall(r"error (\S+) \(", "\n".join(lines))]
    assert "wave.csv, after 2024-01-1" in lines[0] and worst == sorted(worst)[::-1]

    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    load, plan = (np.array([float(row[c]) for row in rows]) for c in (1, 2))
    given = {
        "load": load[180:200].tolist(),
        "plan": plan[180:204].tolist(),
        "time": rows[199][0],
    }
    bad = {**given, "plan": plan[:9].tolist()}
    asked = [json.dumps(given), json.dumps(bad), "1 2 3", '{"load": [1]}']
    status, replies = predict(monkeypatch, capsys, directory, asked)
    assert status == BAD_INPUT
    forecast = np.array(replies[0].split(), float)
    assert np.abs(forecast - load[200:204]).mean() < 0.5
    assert "line 2: plan must hold at least 12 values, got 9" in replies[1]
    assert "JSON object with the columns that the model reads, load, plan" in replies[2]
    assert "line 4: the line must hold plan, got load" in replies[3]
    status, replies = predict(
        monkeypatch, capsys, directory, asked[:1], "--format jsonl"
    )
    assert status == DONE
    fields = json.loads(replies[0])
    np.testing.assert_allclose(fields["forecast"]["load"], forecast, rtol=1e-4)
    levels = np.array([fields["quantiles"]["load"][f"0.{q}"] for q in range(1, 10)])
    assert (np.diff(levels, axis=0) > 0).all()


COUNTS = "--method recursive --output negative_binomial --normalize mean"


@pytest.mark.parametrize(
    "kind",
    [
        "--output value --normalize window --corrects persistence",
        pytest.param(COUNTS, marks=pytest.mark.slow),
    ],
)
def test_many_series_and_plain_lines(kind, tmp_path, monkeypatch, capsys):
    path, directory = tmp_path / "counts.csv", tmp_path / "run"
    counts = np.random.default_rng(1).poisson(4, size=(2, 120))
    lines = [f"{n},{name}" for row, name in zip(counts, "xy") for n in row]
    path.write_text("\n".join(["sold,shop", *lines]))
    flags = f"{kind} --data-path {path} --target sold --series-column shop {SIZES}"
    run_flags = "--num-updates 2 --eval-every 2 --num-samples 5 --num-validated 4"
    assert run(forecasting, f"{flags} {run_flags} --run-dir {directory}") == DONE
    table = capsys.readouterr().out
    assert "persistence" in table and "seasonal" not in table
    lines = ["4, 2, 5, 3, 1, 0, 7, 2", "4 2", "4 2 x 1 1 1 1 1"]
    status, replies = predict(monkeypatch, capsys, directory, lines)
    assert len(replies[0].split()) == 4 and status == BAD_INPUT
    if kind == COUNTS:
        assert all(float(value).is_integer() for value in replies[0].split())
    assert "sold must hold at least 8 values, got 2" in replies[1]
    assert "sold must be numbers, got ['4', '2', 'x'" in replies[2]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--cell lst", "cell must be"),
        ("--method recursive --inputs a", "inputs must be empty with method recursive"),
        ("--method recursive --bidirectional", "bidirectional needs method direct"),
        ("--output negative_binomial", "normalize must be mean for counts"),
        ("--data-path no.csv --target a", "no.csv"),
        ("--window 2400", "holds no window of 2,400 and horizon of 24 steps"),
    ],
)
def test_bad_flags(tmp_path, capsys, flags, message):
    assert run(forecasting, f"{flags} --run-dir {tmp_path / 'run'}") == BAD_INPUT
    assert message in " ".join(capsys.readouterr().err.split())

"""Measures, tables and the file of errors."""

from typing import Any

import numpy as np

from experiments.series_classification import report
from experiments.series_classification.batches import Encoded, Symbols
from experiments.series_classification.series import Series

SHARES = [np.array([[0.7, 0.3]]), np.array([[0.9, 0.1]]), np.array([[0.2, 0.8]])]
TARGETS = [np.array([0]), np.array([1]), np.array([1])]


def test_accuracy_and_loss():
    metrics = report.measure("test", Encoded([], TARGETS), SHARES)
    expected = -np.log([0.7, 0.1, 0.8]).mean()
    np.testing.assert_allclose(metrics["test_loss"], expected)
    np.testing.assert_allclose(metrics["test_accuracy"], 2 / 3)
    steps = [np.concatenate(SHARES)]
    data = Encoded([], [np.concatenate(TARGETS)])
    assert report.measure("test", data, steps) == metrics


def test_the_table_of_groups():
    series = [Series(np.zeros((1, 1)), ("x",), "", group) for group in ("b", "a", "b")]
    predicted = [shares.argmax(axis=1) for shares in SHARES]
    table = report.group_table(series, Encoded([], TARGETS), predicted)
    assert [line.split() for line in table.splitlines()] == [
        ["group", "accuracy", "count"],
        ["a", "0.000", "1"],
        ["b", "1.000", "2"],
    ]


class FakeRun:
    def print(self, text):
        self.printed = text

    def write_plot(self, name, figure):
        self.plot = name

    def write_sample(self, done, text, suffix):
        self.sample = text


def write(series, targets, shares, by_step):
    run: Any = FakeRun()
    symbols = Symbols(("no", "yes"), ("x",), (0.0,), (1.0,), "table", by_step)
    data = Encoded([], targets)
    report.write_report(run, 7, series, data, shares, symbols)
    return run.sample


def test_errors_of_series_the_worst_first():
    shares = [*SHARES, np.array([[0.6, 0.4]])]
    targets = [*TARGETS, np.array([1])]
    series = [Series(np.zeros((1, 1)), ("yes",), f"{i}.wav") for i in range(4)]
    assert write(series, targets, shares, False) == (
        "1.wav: yes (0.100) was taken for no (0.900)\n"
        "3.wav: yes (0.400) was taken for no (0.600)\n"
        "2 of 4 series have an error.\n"
    )


def test_errors_of_steps():
    series = [Series(np.zeros((3, 1)), ("yes",) * 3, "line 2")]
    shares, targets = [np.concatenate(SHARES)], [np.concatenate(TARGETS)]
    assert write(series, targets, shares, True) == (
        "line 2: 1 of 3 wrong (true, predicted)\n"
        "  nyy\n"
        "  nny\n"
        "   ^\n"
        "1 of 1 series have an error.\n"
    )

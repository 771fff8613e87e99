"""Runs experiments in this process and reads what they left on the disk."""

import json

import pytest

from experiments.harness import Run
from experiments.harness.command import run_command
from experiments.harness.metrics import read_metrics

write_plot = Run.write_plot
USES = "sample score predict translate ask point transcribe align caption write say"
figures: dict = {}  # by run directory and name; drawn only on request


def run(experiment, arguments, train="train"):
    """Runs a command line, and returns its exit status.

    The last figure of each name is kept until `plots_of` draws it.
    """

    def keep_plot(run, name, figure):
        figures.setdefault(run.directory, {})[name] = run, figure

    sample, *uses = (getattr(experiment, name, None) for name in USES.split())
    presets = getattr(experiment, "PRESETS", None)
    uses = [use for use in uses if use is not None]
    train, config = getattr(experiment, train), experiment.Config
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "write_plot", keep_plot)
        try:
            words = arguments.split()
            return run_command(train, config, presets or {}, sample, words, uses)
        except SystemExit as wrong_flag:
            return wrong_flag.code


def results_of(directory):
    return json.loads((directory / "results.json").read_text())


def updates_of(directory):
    """Reads the metrics of a run without wall times."""
    lines = read_metrics(directory / "metrics.jsonl")
    return [{name: x for name, x in line.items() if name != "wall"} for line in lines]


def plots_of(directory):
    """Draws the figures of a run; returns the names of those that are not empty."""
    for name, (run, figure) in figures.pop(directory).items():
        write_plot(run, name, figure)
    paths = (directory / "plots").iterdir()
    return {path.stem for path in paths if path.stat().st_size > 10_000}


def compile_update_once(experiment, monkeypatch):
    """Lets runs with equal updates share one compiled update."""
    updates: list = []
    make_update = experiment.make_update

    def make_once(*arguments):
        updates[:] = updates or [make_update(*arguments)]
        return updates[0]

    monkeypatch.setattr(experiment, "make_update", make_once)

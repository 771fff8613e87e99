"""An experiment run within this process, and what it left on the disk."""

import json

from experiments.harness.command import run_command
from experiments.harness.metrics import read_metrics


def run(experiment, arguments, train="train"):
    """Runs a command line, and returns its exit status."""
    presets, sample = (
        getattr(experiment, name, None) for name in ("PRESETS", "sample")
    )
    train, config = getattr(experiment, train), experiment.Config
    try:
        return run_command(train, config, presets or {}, sample, arguments.split())
    except SystemExit as wrong_flag:
        return wrong_flag.code


def results_of(directory):
    return json.loads((directory / "results.json").read_text())


def updates_of(directory):
    """The metrics of a run, but for the time."""
    lines = read_metrics(directory / "metrics.jsonl")
    return [{name: x for name, x in line.items() if name != "wall"} for line in lines]


def draws(directory, *names):
    """Whether the run drew plots of these names that show something."""
    paths = [directory / "plots" / f"{name}.png" for name in names]
    return all(path.stat().st_size > 10_000 for path in paths)


def compile_update_once(experiment, monkeypatch):
    """Lets runs whose updates are the same share the first one's."""
    updates: list = []
    make_update = experiment.make_update

    def make_once(*arguments):
        updates[:] = updates or [make_update(*arguments)]
        return updates[0]

    monkeypatch.setattr(experiment, "make_update", make_once)

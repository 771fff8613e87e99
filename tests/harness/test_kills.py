"""SIGKILL at random times loses nothing acknowledged and leaves nothing unreadable."""

import random
import re
import signal
import time

import pytest

from experiments.harness.checkpoints import Checkpoints, find_damage
from experiments.harness.metrics import read_metrics
from tests.harness.conftest import assert_same_run, names_in, results_of, start_toy


def read_until_trained(process):
    """Reads output until the first update is done; returns the update it began at."""
    resumed_at = 0
    for line in process.stdout:
        assert "warning" not in line
        if match := re.search(r"after update (\d+)", line):
            resumed_at = int(match[1])
        if line.startswith(("compiled", "done")):
            return resumed_at
    raise AssertionError(process.stderr.read())


def kill_and_look(directory, process, draw):
    """Kills a process, mostly while it trains.

    Returns whether it was saving then; None if it had finished before.
    """
    trained = draw.random() >= 0.1  # otherwise it is killed while starting
    resumed_at = read_until_trained(process) if trained else 0
    time.sleep(draw.uniform(0, 0.4 if trained else 3))
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    if (directory / "results.json").exists():
        status = results_of(directory)["status"]
        if status == "done":
            return None
        assert status == "running"
    assert process.returncode == -signal.SIGKILL, errors
    checkpoints = Checkpoints(directory / "checkpoints")
    updates = checkpoints.updates()
    assert all(find_damage(checkpoints.path(update)) is None for update in updates)
    if trained:
        # With a checkpoint after every update, an update that was logged tells that
        # the checkpoint of the one before had been acknowledged.
        logged = read_metrics(directory / "metrics.jsonl")[-1]["update"]
        assert updates or logged == 1
        assert max(updates, default=0) in (logged - 1, logged)
        assert logged >= resumed_at
    return any(checkpoints.directory.glob(".*"))


def finish(*arguments):
    process = start_toy(*arguments)
    _, errors = process.communicate()
    assert process.returncode == 0, errors


@pytest.mark.parametrize(
    ("number", "num_updates", "seed"),
    [(5, 30, 1), pytest.param(100, 200, 2, marks=pytest.mark.slow)],
)
def test_kills(run_toy, tmp_path, number, num_updates, seed):
    """Kills runs `number` times in all, and lets the last one finish."""
    draw = random.Random(seed)
    length = ("--num-updates", num_updates, "--eval-every", num_updates // 5)
    expected = tmp_path / "undisturbed"
    run_toy("--run-dir", expected, *length)
    kills: list[bool] = []
    while len(kills) < number:
        directory = tmp_path / f"run after {len(kills)} kills"
        options, was_saving = ("--run-dir", directory, *length), False
        while was_saving is not None and len(kills) < number:
            process = start_toy(*options, "--checkpoint-every", 1)
            was_saving = kill_and_look(directory, process, draw)
            kills += [] if was_saving is None else [was_saving]
            if (directory / "config.json").exists():
                options = ("--resume", directory)
        if was_saving is not None:  # not killed any more, so it need not save often
            finish(*options, "--checkpoint-every", num_updates)
        assert_same_run(directory, expected)
        names = names_in(directory / "checkpoints")
        assert names[-1] == f"{num_updates:08d}.evaluated"
        assert len(names) <= 4 and all(name.isdigit() for name in names[:-1])
    print(f"{len(kills)} kills, {sum(kills)} of them in a save")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_signals_at_5_random_times(run_toy, tmp_path, name):
    draw = random.Random(name)
    expected, directory = tmp_path / "undisturbed", tmp_path / "run"
    length = ("--num-updates", 2000, "--eval-every", 100)
    run_toy("--run-dir", expected, *length)
    options = ("--run-dir", directory, *length, "--checkpoint-every", 50)
    for _ in range(5):
        process = start_toy(*options)
        resumed_at = read_until_trained(process)
        time.sleep(draw.uniform(0, 0.5))
        process.send_signal(signal.Signals[name])
        out, errors = process.communicate()
        assert process.returncode == 0, errors
        line = f"{name}: saved; resume with: python -m tests.harness.toy --resume"
        assert out.splitlines()[-1] == f"{line} {directory}"
        logged = read_metrics(directory / "metrics.jsonl")[-1]["update"]
        assert Checkpoints(directory / "checkpoints").updates()[-1] == logged
        assert logged > resumed_at
        options = ("--resume", directory)
    finish(*options)
    assert_same_run(directory, expected)

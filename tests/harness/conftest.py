"""Runs of the toy, in this process and as separate commands."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments.harness import Run
from experiments.harness.arrays import is_key
from experiments.harness.command import run_command
from experiments.harness.metrics import read_metrics
from tests.harness import toy

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "tests.harness.toy"]


@pytest.fixture
def run_toy(capsys):
    """Runs the toy's command line in this process, which compiles it once."""

    def run(*arguments, train=toy.train, status=0):
        capsys.readouterr()
        given = [str(argument) for argument in arguments]
        try:
            ended = run_command(train, toy.Config, toy.PRESETS, toy.sample, given)
        except SystemExit as wrong_flag:
            ended = wrong_flag.code
        shown = capsys.readouterr()
        assert ended == status, shown.err
        return shown

    return run


@pytest.fixture
def make_run(tmp_path):
    """Opens runs in one directory, and closes them."""
    runs = []

    def make(*, experiment="tests.harness.toy", resumes=False, **fields):
        config = toy.Config(run_dir=tmp_path / "run", **fields)
        options = {"experiment": experiment, "arguments": [], "resumes": resumes}
        runs.append(Run(config.run_dir, config, **options))
        return runs[-1]

    yield make
    for run in runs:
        run.close("done")


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A run that was never stopped; no test may change it."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    arguments = ["--run-dir", str(directory)]
    assert run_command(toy.train, toy.Config, toy.PRESETS, None, arguments) == 0
    return directory


@pytest.fixture
def undisturbed(finished, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(finished, tmp_path / "undisturbed")


def start_toy(*arguments):
    """Starts the toy in a separate process."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)], cwd=ROOT, text=True, **pipes
    )


def run_python(*arguments, **options):
    """Runs Python in a separate process."""
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def run_encoded(encoding, *arguments):
    """Runs Python with a console of the given encoding."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run_python(*arguments, env=env, encoding=encoding)
    assert done.returncode == 0, done.stderr
    return done


def results_of(directory):
    return json.loads((directory / "results.json").read_text())


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def records_of(directory):
    """Reads metrics without wall times, and samples, which hold digests of states."""
    lines = read_metrics(directory / "metrics.jsonl")
    assert all(line.pop("wall")["seconds"] >= 0 for line in lines)
    samples = {p.name: p.read_text() for p in (directory / "samples").iterdir()}
    assert samples
    return lines, samples


def assert_same_run(directory, other):
    """Checks that metrics, samples and thereby states are bit-identical."""
    assert records_of(directory) == records_of(other)


def assert_equal(state, other):
    """Compares structures, dtypes, bits and places."""
    assert jax.tree.structure(state) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(other), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        if is_key(a):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
        if isinstance(b, jax.Array):
            assert a.sharding.is_equivalent_to(b.sharding, b.ndim)

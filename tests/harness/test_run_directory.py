"""What a run directory holds, who may write to it, and how a run ends."""

import json
import re
import socket
import subprocess
import sys

import jax
import pytest

from experiments.harness import Diverged
from experiments.harness.metrics import MetricsFile, read_metrics
from experiments.harness.results import FORMAT
from tests.harness import toy
from tests.harness.conftest import ROOT, assert_same_run, names_in, results_of


def test_a_run_leaves_what_it_promises(finished):
    files = ["config.json", "lock", "metrics.jsonl", "results.json"]
    assert names_in(finished) == sorted(["checkpoints", "plots", "samples", *files])
    lines = read_metrics(finished / "metrics.jsonl")
    assert [x["update"] for x in lines] == sorted([*range(1, 31), 10, 20, 30])
    evaluated = [x["update"] for x in lines if "validation_loss" in x]
    assert evaluated == [10, 20, 30]
    numbers = [f"{n:08d}" for n in (10, 20, 30)]
    samples = [f"{number}.txt" for number in [*numbers, "00000031"]]
    assert names_in(finished / "samples") == samples
    assert (finished / "plots" / "picture.png").read_text() == "drawn as png"


def test_results(finished):
    results = results_of(finished)
    last = read_metrics(finished / "metrics.jsonl")[-2:]
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    expected = {
        "experiment": "tests.harness.toy",
        "status": "done",
        "seed": 0,
        "arguments": ["--run-dir", str(finished)],
        "data": {"text": nothing},
    }
    assert {name: results[name] for name in expected} == expected
    assert results["metrics"]["loss"] == last[0]["loss"]
    assert results["metrics"]["validation_loss"] == last[1]["validation_loss"]
    assert results["versions"]["jax"] == jax.__version__
    python = ".".join(map(str, sys.version_info[:3]))
    assert results["versions"]["python"] == python
    assert results["device"]["platform"] == jax.devices()[0].platform
    assert results["wall_seconds"] > 0
    command = ["git", "rev-parse", "HEAD"]
    is_checkout = not subprocess.run(command, cwd=ROOT, capture_output=True).returncode
    assert (results["commit"] is not None) == is_checkout  # None in a source archive
    if is_checkout:
        assert re.fullmatch("[0-9a-f]{40}", results["commit"]["id"])
        assert results["commit"]["dirty"] in (True, False)


def test_without_run_dir_there_is_a_new_directory_under_runs(
    run_toy, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(toy.__spec__, "name", "tests.harness.toy.__main__")
    run_toy("--seed", 3, "--preset", "small", "--num-updates", 1)
    (directory,) = (tmp_path / "runs" / "toy").iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z-small-seed3", directory.name)
    assert results_of(directory)["experiment"] == "tests.harness.toy"


def test_a_directory_with_a_run_is_refused(run_toy, undisturbed):
    before = (undisturbed / "results.json").read_text()
    outcome = run_toy("--run-dir", undisturbed, status=2)
    assert f"got {undisturbed}; to continue its run: python -m" in outcome.err
    assert f"--resume {undisturbed}" in outcome.err
    assert (undisturbed / "results.json").read_text() == before


def test_a_run_of_another_experiment_is_not_resumed(make_run):
    make_run().close("done")
    with pytest.raises(ValueError, match="must be a run of other, got one of tests"):
        make_run(experiment="other", resumes=True)


@pytest.mark.parametrize("option", [(), ("--sample", 3)])
def test_a_run_of_the_old_form_is_refused_in_one_line(run_toy, undisturbed, option):
    results = results_of(undisturbed)
    assert results.pop("format") == FORMAT
    (undisturbed / "results.json").write_text(json.dumps(results))
    (undisturbed / "config.json").write_text('{"a_flag_of_old": 1}')
    assert run_toy("--resume", undisturbed, *option, status=2).err == (
        f"error: {undisturbed} is a run of format 1, which this version cannot read "
        f"(it reads format {FORMAT}); start a new run.\n"
    )


def test_a_resumed_run_has_the_choices_of_the_run(make_run):
    run = make_run()
    assert run.config.data_dir is None
    run.record_choice("data_dir", "chosen")
    run.rewind(0)
    run.close("done")
    resumed = make_run(resumes=True)
    assert resumed.config.data_dir == "chosen"
    resumed.record_choice("data_dir", "chosen")
    with pytest.raises(ValueError, match="data_dir must be chosen, as before in .*run"):
        resumed.record_choice("data_dir", "other")


def test_a_second_run_is_refused_and_told_who_holds_the_directory(run_toy, tmp_path):
    hold = (
        "import sys, pathlib; from experiments.harness import lock;"
        "held = lock.Lock(pathlib.Path(sys.argv[1]));"
        "print('held', flush=True); sys.stdin.read()"
    )
    (tmp_path / "config.json").write_text("{}")
    command = [sys.executable, "-c", hold, tmp_path]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for option in ("--run-dir", "--resume"):
            outcome = run_toy(option, tmp_path, status=2)
            process = f"process {holder.pid} on {socket.gethostname()} since 2"
            assert f"{tmp_path} is in use by {process}" in outcome.err
        holder.kill()
        holder.wait()
    run_toy("--resume", tmp_path)  # the lock died with its holder


FAILURES = {
    "input": (2, r"\Aerror: text must not be empty, got ''\.\n\Z"),
    "data": (3, r"\Aerror: The data set toy is missing:\n  toy\.txt\n\Z"),
    "bug": (1, "Traceback.*ZeroDivisionError"),
    # once training has begun
    "late": (1, "Traceback.*ValueError: a bug"),
    "late_input": (2, r"\Aerror: numbers\.txt, line 3: a number is missing\.\n\Z"),
}


@pytest.mark.parametrize("fails", FAILURES)
def test_a_failure_is_told_and_before_training_leaves_nothing(run_toy, tmp_path, fails):
    """Bugs are shown with a traceback, other failures in one line."""
    directory, (status, message) = tmp_path / "run", FAILURES[fails]
    failing = ("--run-dir", directory, "--fails", fails)
    outcome = run_toy(*failing, status=status)
    assert re.search(message, outcome.err, re.DOTALL)
    if fails == "late":
        results = results_of(directory)
        assert (results["status"], results["error"]) == ("failed", "ValueError: a bug")
    if not fails.startswith("late"):
        assert not directory.exists()
        directory.mkdir()
        (directory / "note").write_text("mine")
        run_toy(*failing, status=status)
        assert names_in(directory) == ["note"]


def test_a_finished_run_is_resumed_and_its_wall_time_adds_up(
    run_toy, undisturbed, finished
):
    results = {**results_of(undisturbed), "wall_seconds": 1000.0}
    (undisturbed / "results.json").write_text(json.dumps(results))
    outcome = run_toy("--resume", undisturbed)
    assert "resuming" in outcome.out and "after update 30" in outcome.out
    assert_same_run(undisturbed, finished)
    assert 1000 < results_of(undisturbed)["wall_seconds"] < 1100


def test_metrics_are_in_the_file_at_once_and_are_finite_python_numbers(make_run):
    run = make_run()
    run.log(1, loss=jax.numpy.float32(0.1), note="warm")
    for value in (float("nan"), jax.numpy.inf, -jax.numpy.inf):
        with pytest.raises(Diverged, match=rf"accuracy is {value} after update 4\."):
            run.log(4, accuracy=jax.numpy.float32(value))
    (line,) = read_metrics(run.directory / "metrics.jsonl")
    assert line.pop("wall")["seconds"] >= 0
    assert line == {"update": 1, "loss": 0.10000000149011612, "note": "warm"}


def updates_in(path, change):
    """Changes a file of metrics and returns the updates that it then holds."""
    file = MetricsFile(path)
    change(file)
    file.close()
    return [line["update"] for line in read_metrics(path)]


def test_a_torn_line_is_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"update": 1}\n{"update": 2}\n{"upd')
    assert [line["update"] for line in read_metrics(path)] == [1, 2]
    assert updates_in(path, lambda file: file.append({"update": 3})) == [1, 2, 3]


@pytest.mark.parametrize(("update", "kept"), [(0, 0), (1, 1), (2, 2), (3, 4), (9, 6)])
def test_rewinding_keeps_an_update_without_its_evaluation(tmp_path, update, kept):
    path = tmp_path / "metrics.jsonl"
    updates = [1, 2, 2, 3, 4, 4]  # evaluated at 2 and 4
    path.write_text("".join(f'{{"update": {n}}}\n' for n in updates))
    assert updates_in(path, lambda file: file.rewind(update)) == updates[:kept]

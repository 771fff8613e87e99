"""What is written, who may write it, and how a run ends."""

import json
import re
import socket
import subprocess
import sys

import jax
import pytest

from experiments.harness import Diverged
from experiments.harness.metrics import MetricsFile, read_metrics
from tests.harness import toy
from tests.harness.conftest import ROOT, assert_same_run, results_of


def test_a_run_leaves_what_it_promises(finished):
    names = sorted(path.name for path in finished.iterdir() if path.name != "lock")
    assert names == [
        "checkpoints",
        "config.json",
        "metrics.jsonl",
        "plots",
        "results.json",
        "samples",
    ]
    lines = read_metrics(finished / "metrics.jsonl")
    updates = [line["update"] for line in lines]
    assert updates == sorted([*range(1, 31), 10, 20, 30])
    assert [line["update"] for line in lines if "validation_loss" in line] == [
        10,
        20,
        30,
    ]
    names = sorted(path.name for path in (finished / "samples").iterdir())
    assert names == [f"{n:08d}.txt" for n in (10, 20, 30, 31)]
    names = sorted(path.name for path in (finished / "checkpoints").iterdir())
    assert names == ["00000010", "00000020", "00000030", "00000030.evaluated"]
    image = (finished / "plots" / "learning_curve.png").read_bytes()
    assert image.startswith(b"\x89PNG")


def test_results(finished):
    results = results_of(finished)
    last = read_metrics(finished / "metrics.jsonl")[-2:]
    assert results["experiment"] == "tests.harness.toy"
    assert results["status"] == "done"
    assert results["metrics"]["loss"] == last[0]["loss"]
    assert results["metrics"]["validation_loss"] == last[1]["validation_loss"]
    assert results["seed"] == 0
    assert results["arguments"] == ["--run-dir", str(finished)]
    assert results["versions"]["jax"] == jax.__version__
    python = ".".join(map(str, sys.version_info[:3]))
    assert results["versions"]["python"] == python
    assert results["device"]["platform"] == jax.devices()[0].platform
    assert results["wall_seconds"] > 0
    nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert results["data"] == {"text": nothing}


def test_results_name_the_commit_of_a_checkout(finished):
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    commit = results_of(finished)["commit"]
    if head.returncode:  # a source archive
        assert commit is None
    else:
        assert re.fullmatch("[0-9a-f]{40}", commit["id"])
        assert commit["dirty"] in (True, False)


def test_without_run_dir_there_is_a_new_directory_under_runs(
    run_toy, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(toy.__spec__, "name", "tests.harness.toy.__main__")
    arguments = ("--seed", 3, "--preset", "small", "--num-updates", 1)
    assert run_toy(*arguments).status == 0
    (directory,) = (tmp_path / "runs" / "toy").iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z-small-seed3", directory.name)
    assert results_of(directory)["experiment"] == "tests.harness.toy"


def test_a_directory_with_a_run_is_refused(run_toy, undisturbed):
    before = (undisturbed / "results.json").read_text()
    outcome = run_toy("--run-dir", undisturbed)
    assert outcome.status == 2
    assert f"got {undisturbed}; to continue its run: python -m" in outcome.err
    assert f"--resume {undisturbed}" in outcome.err
    assert (undisturbed / "results.json").read_text() == before


def test_a_run_of_another_experiment_is_not_resumed(make_run):
    make_run().close("done")
    with pytest.raises(ValueError, match="must be a run of other, got one of tests"):
        make_run(experiment="other", resumes=True)


@pytest.mark.parametrize("option", [(), ("--sample", 3)])
def test_a_run_of_the_old_form_is_refused_in_one_line(run_toy, undisturbed, option):
    path = undisturbed / "results.json"
    results = results_of(undisturbed)
    assert results.pop("format") == 2
    path.write_text(json.dumps(results))
    (undisturbed / "config.json").write_text('{"a_flag_of_old": 1}')
    outcome = run_toy("--resume", undisturbed, *option)
    assert outcome.status == 2
    assert outcome.err == (
        f"error: {undisturbed} is a run of format 1, which this version cannot read "
        "(it reads format 2); start a new run.\n"
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
    with subprocess.Popen(
        [sys.executable, "-c", hold, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        for option in ("--run-dir", "--resume"):
            outcome = run_toy(option, tmp_path)
            assert outcome.status == 2
            process = f"process {holder.pid} on {socket.gethostname()} since 2"
            assert f"{tmp_path} is in use by {process}" in outcome.err
        holder.kill()
        holder.wait()
    assert run_toy("--resume", tmp_path).status == 0  # the lock died with its holder


def test_a_finished_run_gives_its_directory_back(run_toy, undisturbed, finished):
    outcome = run_toy("--resume", undisturbed)
    assert outcome.status == 0, outcome.err
    assert "resuming" in outcome.out and "after update 30" in outcome.out
    assert_same_run(undisturbed, finished)


@pytest.mark.parametrize(
    ("fails", "status", "message"),
    [
        ("input", 2, "error: text must not be empty, got ''.\n"),
        ("data", 3, "error: The data set toy is missing:\n  toy.txt\n"),
    ],
)
def test_what_fails_before_training_is_told_and_leaves_nothing(
    run_toy, tmp_path, fails, status, message
):
    directory = tmp_path / "run"
    outcome = run_toy("--run-dir", directory, "--fails", fails)
    assert (outcome.status, outcome.err) == (status, message)
    assert not directory.exists()
    directory.mkdir()
    (directory / "note").write_text("mine")
    run_toy("--run-dir", directory, "--fails", fails)
    assert [path.name for path in directory.iterdir()] == ["note"]


def test_a_bug_shows_its_traceback(run_toy, tmp_path):
    outcome = run_toy("--run-dir", tmp_path / "a", "--fails", "bug")
    assert outcome.status == 1
    assert "Traceback" in outcome.err and "ZeroDivisionError" in outcome.err
    outcome = run_toy("--run-dir", tmp_path / "b", "--fails", "late")
    assert outcome.status == 1  # a ValueError too, once training has begun
    assert "Traceback" in outcome.err and "ValueError: a bug" in outcome.err
    outcome = run_toy("--run-dir", tmp_path / "c", "--fails", "late_input")
    assert outcome.status == 2  # not a bug, whenever it comes
    assert outcome.err == "error: numbers.txt, line 3: a number is missing.\n"
    results = results_of(tmp_path / "b")
    assert (results["status"], results["error"]) == ("failed", "ValueError: a bug")


def test_other_data_than_the_run_was_trained_with(run_toy, undisturbed):
    outcome = run_toy("--resume", undisturbed, "--text", "other")
    assert outcome.status == 2
    assert outcome.err.startswith("error: text must be what ")
    assert "was trained with, SHA-256 e3b0c442" in outcome.err
    outcome = run_toy("--resume", undisturbed)
    assert outcome.status == 0


def test_wall_time_adds_up_over_resumes(run_toy, undisturbed):
    path = undisturbed / "results.json"
    results = results_of(undisturbed)
    path.write_text(json.dumps({**results, "wall_seconds": 1000.0}))
    run_toy("--resume", undisturbed, "--num-updates", 31)
    assert 1000 < results_of(undisturbed)["wall_seconds"] < 1100


def test_metrics_are_in_the_file_at_once_and_in_python_numbers(make_run):
    run = make_run()
    run.log(1, loss=jax.numpy.float32(0.1), note="warm")
    (line,) = read_metrics(run.directory / "metrics.jsonl")
    seconds = line.pop("wall")["seconds"]
    assert line == {"update": 1, "loss": 0.10000000149011612, "note": "warm"}
    assert seconds >= 0


@pytest.mark.parametrize("value", [float("nan"), jax.numpy.inf, -jax.numpy.inf])
def test_a_metric_that_is_not_finite_is_no_metric(make_run, value):
    run = make_run()
    with pytest.raises(Diverged, match=rf"accuracy is {value} after update 4\."):
        run.log(4, accuracy=jax.numpy.float32(value))
    assert run.metrics() == []


def test_a_torn_line_is_cut_off(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"update": 1}\n{"update": 2}\n{"upd')
    assert [line["update"] for line in read_metrics(path)] == [1, 2]
    file = MetricsFile(path)
    file.append({"update": 3})
    file.close()
    assert [line["update"] for line in read_metrics(path)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("update", "kept"), [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 2, 3]), (9, 6)]
)
def test_rewinding_keeps_an_update_without_its_evaluation(tmp_path, update, kept):
    path = tmp_path / "metrics.jsonl"
    updates = [1, 2, 2, 3, 4, 4]  # evaluated at 2 and 4
    path.write_text("".join(f'{{"update": {n}}}\n' for n in updates))
    file = MetricsFile(path)
    file.rewind(update)
    file.close()
    left = [line["update"] for line in read_metrics(path)]
    assert left == (updates if kept == 6 else kept)

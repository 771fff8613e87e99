"""A resumed run is bit-identical to an uninterrupted one, whatever stopped it."""

import random
import signal

import jax
import jax.numpy as jnp
import pytest

from experiments.harness import Diverged, guarded
from experiments.harness import fit as harness_fit
from experiments.harness.arrays import read_subtree
from experiments.harness.metrics import read_metrics
from tests.harness.conftest import assert_equal, assert_same_run, names_in, results_of

STOPS = [
    *((name, "update", 17) for name in ("SIGINT", "SIGTERM", "SIGUSR1")),
    *(
        ("SIGTERM", place, update)
        for place in ("before_evaluation", "evaluation", "after_evaluation")
        for update in (10, 30)  # 30 is the last
    ),
]


@pytest.mark.parametrize(("name", "place", "update"), STOPS)
def test_a_signal_saves_the_update_in_flight_and_says_how_to_resume(
    run_toy, tmp_path, finished, name, place, update
):
    """An evaluation that was stopped is repeated but counts once."""
    directory = tmp_path / "a run"  # the blank must be quoted
    handler = signal.getsignal(signal.Signals[name])
    arguments = ("--signal", name, "--signal-in", place, "--signal-at", update)
    outcome = run_toy("--run-dir", directory, *arguments, "--checkpoint-every", 7)
    assert results_of(directory)["status"] == "interrupted"
    assert outcome.out.splitlines()[-1] == (
        f"{name}: saved; resume with: python -m tests.harness.toy "
        f"--resume '{directory}'"
    )
    assert signal.getsignal(signal.Signals[name]) is handler
    has_sample = (directory / "samples" / f"{update:08d}.txt").exists()
    assert has_sample == (place == "after_evaluation")
    resumed = run_toy("--resume", directory, "--signal-at", -1)
    assert f"resuming {directory} after update {update}" in resumed.out
    assert_same_run(directory, finished)
    assert num_evaluations(directory / "checkpoints" / "00000030.evaluated") == 3


def num_evaluations(checkpoint):
    """Reads how many evaluations have changed the state of a checkpoint."""
    return int(read_subtree(checkpoint / "state", "num_evaluations")[()])


def test_a_checkpoint_holds_the_state_before_its_evaluation(finished):
    paths = (finished / "checkpoints").iterdir()
    names = ("00000010", "00000020", "00000030", "00000030.evaluated")
    assert {path.name: num_evaluations(path) for path in paths} == {
        name: number for number, name in enumerate(names)
    }


def test_finished_is_asked_after_the_evaluation(run_toy, tmp_path):
    whole, directory = tmp_path / "whole", tmp_path / "run"
    most = ("--max-evaluations", 2, "--checkpoint-every", 7)
    run_toy("--run-dir", whole, *most)
    assert read_metrics(whole / "metrics.jsonl")[-1]["update"] == 20
    assert num_evaluations(whole / "checkpoints" / "00000020") == 1
    assert num_evaluations(whole / "checkpoints" / "00000020.evaluated") == 2
    run_toy("--run-dir", directory, "--signal-at", 13, *most)
    run_toy("--resume", directory, "--signal-at", -1)
    assert_same_run(directory, whole)
    run_toy("--resume", directory)  # evaluated again but not trained further
    assert_same_run(directory, whole)
    assert num_evaluations(directory / "checkpoints" / "00000020.evaluated") == 2


def test_a_run_made_longer_is_the_longer_run(run_toy, tmp_path, finished):
    directory = tmp_path / "run"
    run_toy("--run-dir", directory, "--num-updates", 25)
    assert (directory / "samples" / "00000025.txt").exists()
    run_toy("--resume", directory, "--num-updates", 30)
    assert_same_run(directory, finished)


def test_a_signal_before_training_leaves_nothing(run_toy, tmp_path):
    in_setup = ("--signal-in", "setup", "--signal-at", -1, "--signal", "SIGUSR1")
    stopped = 128 + signal.SIGUSR1
    outcome = run_toy("--run-dir", tmp_path / "run", *in_setup, status=stopped)
    assert outcome.err == "error: SIGUSR1: stopped before training had begun.\n"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("number", "seed"), [(1, 1), pytest.param(10, 2, marks=pytest.mark.slow)]
)
def test_many_stops_in_one_run(run_toy, tmp_path, finished, number, seed):
    """The first run stops at neighbouring updates, the others at random ones."""
    draw = random.Random(seed)
    at_random = (sorted(draw.sample(range(1, 30), 2)) for _ in range(number))
    for run, updates in enumerate([(4, 5, 11, 12, 29), *at_random]):
        every = draw.randint(1, 12)
        start = ("--run-dir", tmp_path / str(run), "--checkpoint-every", every)
        for update in (*updates, 30, -1):  # also at the last one; -1 is never reached
            run_toy(*start, "--signal-at", update)
            start = ("--resume", tmp_path / str(run))
        assert_same_run(tmp_path / str(run), finished)


def test_falls_back_from_a_bad_checkpoint_and_trains_on(run_toy, undisturbed, finished):
    (undisturbed / "checkpoints" / "00000030" / "state" / "_METADATA").write_text("{}")
    (undisturbed / "checkpoints" / "00000020" / "manifest.sha256").unlink()
    outcome = run_toy("--resume", undisturbed)
    assert "00000030: state/_METADATA has 2 bytes" in outcome.out
    assert "00000020: manifest.sha256 is missing" in outcome.out
    assert "after update 10" in outcome.out
    assert_same_run(undisturbed, finished)
    good = names_in(finished / "checkpoints")
    names = sorted([*good, "00000020.bad", "00000030.bad"])
    assert names_in(undisturbed / "checkpoints") == names


def test_no_good_checkpoint_is_one_line(run_toy, undisturbed):
    for path in (undisturbed / "checkpoints").iterdir():
        (path / "manifest.json").unlink()
    before = (undisturbed / "metrics.jsonl").read_bytes()
    outcome = run_toy("--resume", undisturbed, status=2)
    assert outcome.err.startswith("error: no checkpoint can be restored: ")
    assert outcome.err.count("\n") == 1
    assert (undisturbed / "metrics.jsonl").read_bytes() == before


def test_killed_before_the_first_checkpoint_begins_again(
    run_toy, tmp_path, undisturbed, finished
):
    for path in (undisturbed / "checkpoints").iterdir():
        path.rename(tmp_path / path.name)
    outcome = run_toy("--resume", undisturbed)
    assert "after update 0" in outcome.out
    assert_same_run(undisturbed, finished)


@pytest.mark.parametrize("poison", ["nan", "inf", "-inf"])
def test_a_poisoned_gradient_stops_the_run(run_toy, tmp_path, finished, poison):
    directory = tmp_path / "run"
    poisoned = (f"--poison={poison}", "--poison-at", 18, "--checkpoint-every", 7)
    outcome = run_toy("--run-dir", directory, *poisoned, status=4)
    assert "error: update 18 is not finite" in outcome.err
    lines = read_metrics(directory / "metrics.jsonl")
    norms = {x["update"]: x["grad_norm"] for x in lines if "grad_norm" in x}
    listed = ", ".join(f"{n}: {norms[n]:.4g}" for n in range(13, 18))
    assert f"Gradient norms before it: {listed}." in outcome.err
    last = directory / "checkpoints" / "00000014"
    assert f"The last good checkpoint is {last}." in outcome.err
    assert max(norms) == 17
    results = results_of(directory)
    assert results["status"] == "diverged"
    assert "update 18 is not finite" in results["error"]
    assert names_in(directory / "checkpoints") == ["00000007", "00000014"]
    run_toy("--resume", directory, "--poison-at", -1)
    assert_same_run(directory, finished)
    first = (f"--poison={poison}", "--poison-at", 1)
    outcome = run_toy("--run-dir", tmp_path / "first", *first, status=4)
    assert "before it: none. No checkpoint was saved before it." in outcome.err


@guarded
def add(state, amount, loss, grad_norm):
    """Adds to the numbers of a state."""
    new = {
        "x": state["x"] + amount,
        "log": state["log"] + 1,
        "count": state["count"] + 1,
        "key": jax.random.fold_in(state["key"], 1),
    }
    return new, {"loss": jnp.float32(loss), "grad_norm": jnp.float32(grad_norm)}


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("transform", [jax.jit, lambda f: f], ids=["jit", "plain"])
def test_guarded_keeps_the_whole_old_state(transform):
    """Cases are an amount to add, a loss and a gradient norm."""
    old = {
        "x": jnp.array([1.0, 3e38]),
        "log": jnp.array([-jnp.inf, 2.0]),  # not finite before, so it may stay so
        "count": jnp.int32(4),
        "key": jax.random.key(2),
    }
    run = transform(add)
    for numbers, finite in {
        (1.0, 0.5, 2.0): True,
        (1.0, NAN, 2.0): False,
        (1.0, 0.5, INF): False,
        (1.0, 0.5, NAN): False,
        (INF, 0.5, 2.0): False,  # overflows although the gradient is finite
        (3e38, 0.5, 2.0): False,
    }.items():
        new, metrics = run(old, *numbers)
        assert bool(metrics["finite"]) is finite, numbers
        assert_equal(new, add.__wrapped__(old, *numbers)[0] if finite else old)


def fit(run, state, update, evaluate=lambda state, done: (state, {})):
    """Fits; by default without evaluating anything."""
    units = {"units_per_update": 1, "unit": "steps"}
    return harness_fit(run, state, update, evaluate, **units)


def test_an_update_without_guard_is_stopped_as_well(make_run):
    run = make_run()

    def update(state, i):
        loss = jnp.where(i < 12, 1.0, jnp.nan)
        return state * loss, {"loss": loss, "grad_norm": jnp.float32(1)}

    with pytest.raises(Diverged, match="update 13 is not finite: loss nan"):
        fit(run, jnp.ones(2), update)
    assert run.checkpoints.updates() == [10]


@pytest.mark.parametrize("name", ["update", "evaluate"])
def test_the_kind_of_a_state_must_stay(make_run, name):
    def function_of(changes):
        kind = jnp.bfloat16 if changes else jnp.float32
        return lambda state, i: (state.astype(kind), {"loss": 1.0, "grad_norm": 1.0})

    functions = (function_of(name == "update"), function_of(name == "evaluate"))
    with pytest.raises(ValueError, match=f"{name} must keep the structure, shapes and"):
        fit(make_run(eval_every=1), jnp.ones(2), *functions)


def test_an_evaluation_that_changes_nothing_is_not_saved_again(make_run):
    run = make_run(num_updates=2)
    fit(run, jnp.ones(2), lambda s, i: (s + 1, {"loss": 1.0, "grad_norm": 1.0}))
    assert [path.name for path in run.checkpoints.directory.iterdir()] == ["00000002"]


def test_one_program_updates_the_state_from_the_start_and_after_a_resume(make_run):
    """Weak types and uncommitted arrays would be compiled for separately."""
    traces = []

    @jax.jit
    def update(state, i):
        traces.append(state["scale"].aval.weak_type)
        new = {"scale": state["scale"] * jnp.float32(2), "count": state["count"] + 1}
        return new, {"loss": new["scale"], "grad_norm": jnp.float32(1)}

    def evaluate(state, done):
        return state | {"scale": jnp.float32(done)}, {}

    for num_updates, resumes in ((3, False), (5, True)):
        run = make_run(num_updates=num_updates, eval_every=2, resumes=resumes)
        state = fit(run, {"scale": 0.5, "count": 0}, update, evaluate)
        run.close("done")
    assert traces == [False] and update._cache_size() == 1
    assert (state["scale"].item(), state["count"].item()) == (5.0, 5)

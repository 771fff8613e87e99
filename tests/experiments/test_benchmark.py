"""The benchmark at a tiny size, with real workers and with invented times."""

import contextlib
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from experiments.benchmark import __main__ as benchmark
from experiments.benchmark import contenders, plots, tables, turns, work
from experiments.benchmark.plan import make_plan
from experiments.benchmark.work import count_cores
from experiments.harness.command import BAD_INPUT, DONE, FAILED
from tests.experiments import running
from tests.experiments.running import plots_of, results_of

SHAPE = work.Shape(2, 3, 5)
TINY = (
    "--contenders scan linen --reference scan --shapes 2,3,5 --num-rounds 2 "
    "--turn-seconds 0 --pause-seconds 0 --num-cores 1"
)
ONCE = {"num_rounds": 1, "turn_seconds": 0.0, "pause_seconds": 0.0}


def run(flags):
    return running.run(benchmark, flags, train="benchmark")


def case_of(*names, group="gradient", cell="lstm", num_cores=1, shape=SHAPE, **options):
    return work.Case(group, group, cell, shape, num_cores, names, **options)


def stat_of(lend, allocator):
    """Returns the file in which Linux counts what the worker of `scan` uses."""
    path = Path("/proc", str(lend("scan", 1, allocator)._process.pid), "stat")
    return path if path.exists() else pytest.skip("needs /proc")


def counts(stat):
    """Reads the page faults and clock ticks of a process."""
    fields = [*map(int, stat.read_text().rpartition(")")[2].split()[1:])]
    return fields[6], fields[10] + fields[11]


def found_of(**milliseconds):
    return {
        name: {
            "median_seconds": ms / 1e3,
            "quartiles": [0.9 * ms / 1e3, 1.2 * ms / 1e3],
            "compile_seconds": 0.5,
            "temp_bytes": 1000 * ms,
            "peak_bytes": 3 * 2**20,
        }
        for name, ms in milliseconds.items()
    }


@pytest.fixture(scope="module")
def lend():
    with turns.workers() as lend:
        yield lend


def test_a_contender_is_measured(lend):
    case = case_of("scan", "linen", group="train", cell="gru", allocator="kept")
    found = turns.measure(case, lend, **(ONCE | {"num_rounds": 2}))
    assert list(found) == ["scan", "linen"]
    for entry in found.values():
        assert len(entry["turns"]) == 2 and min(entry["turns"]) > 0
        low, high = entry["quartiles"]
        assert 0 < low <= entry["median_seconds"] <= high < 10
        assert entry["compile_seconds"] > 0 and entry["temp_bytes"] > 0
        if sys.platform == "linux":
            assert 2**25 < entry["peak_bytes"] < 2**33


def test_a_contender_that_disagrees_fails_or_dies_is_named(lend, monkeypatch):
    entries = contenders.CONTENDERS
    scan = entries["scan"]._replace(options={})
    for name, entry in {
        "disturbed": scan._replace(source="tests.experiments.disturbed:scan"),
        "failing": scan._replace(source="json:loads"),
        "dying": scan._replace(source="tests.experiments.nowhere:load"),
    }.items():
        monkeypatch.setitem(entries, name, entry)

    def measure(*names):
        turns.measure(case_of(*names, allocator="kept"), lend, **ONCE)

    message = "disturbed disagrees with scan in gradient of bias"
    with pytest.raises(turns.Disagreement, match=message):
        measure("scan", "disturbed")
    with pytest.raises(turns.WorkerFailed, match="failing failed:(.|\n)*TypeError"):
        measure("failing")
    with pytest.raises(turns.WorkerFailed, match="dying died with status 1"):
        measure("dying")


def test_a_waiting_worker_takes_no_core_and_is_held_to_its_own(lend):
    """Measured by its processor time over 0.2 s."""
    turns.measure(case_of("scan", allocator="kept"), lend, **ONCE)
    stat = stat_of(lend, "kept")
    _, before = counts(stat)
    time.sleep(0.2)
    assert counts(stat)[1] - before <= 1
    status = stat.with_name("status").read_text()
    allowed = status.partition("Cpus_allowed_list:")[2].split()[0]
    assert allowed.isdecimal()  # one core, not a range


@pytest.mark.slow
def test_the_allocator_is_that_of_the_case(tmp_path):
    """Runs the command, then counts page faults with temporary arrays of a few MB."""
    flags = f"{TINY} --works gradient --cells lstm --run-dir {tmp_path / 'run'}"
    assert run(flags) == DONE
    shape, faults = work.Shape(32, 128, 256), {}
    with turns.workers() as lend:
        for allocator in work.ALLOCATORS:
            case = case_of("scan", shape=shape, allocator=allocator)
            turns.measure(case, lend, **(ONCE | {"num_rounds": 3}))
            stat = stat_of(lend, allocator)
            before, _ = counts(stat)
            lend("scan", 1, allocator).ask("turn", 0.0)
            faults[allocator] = counts(stat)[0] - before
    assert faults["default"] > 1000 > 10 * faults["kept"]


def test_a_contender_that_disagrees_ends_the_run(tmp_path, monkeypatch, capsys):
    message = "b disagrees with a in outputs"

    def disagree(case, lend, **options):
        raise turns.Disagreement(f"{message}.")

    monkeypatch.setattr(benchmark, "measure", disagree)
    assert run(f"{TINY} --run-dir {tmp_path / 'run'}") == FAILED
    assert message in capsys.readouterr().err
    results = results_of(tmp_path / "run")
    assert results["status"] == "failed" and message in results["error"]


def test_a_run_is_shown_and_resumed_by_the_names_of_its_cases(
    tmp_path, capsys, monkeypatch
):
    measured: list[str] = []

    def measure(case, lend, **options):
        assert options == {"num_rounds": 2, "turn_seconds": 0, "pause_seconds": 0}
        measured.append(case.name)
        times = {"default": (10, 30), "kept": (8, 16)}[case.allocator]
        return found_of(**dict(zip(("scan", "linen"), times)))

    monkeypatch.setattr(benchmark, "measure", measure)
    directory = tmp_path / "run"
    flags = "--works gradient train lengths --cells gru --lengths 2 4"
    assert run(f"{TINY} {flags} --run-dir {directory}") == DONE
    path = directory / "metrics.jsonl"
    lines = path.read_text().splitlines()
    works = ("gradient gru 2,3,5", "train gru 2,3,5")
    works += ("lengths lstm 16,2,128", "lengths lstm 16,4,128")
    allocators = {"default allocator": 3, "freed memory kept": 2}
    names = [f"{what} on 1 core, {title}" for title in allocators for what in works]
    assert measured == names
    results = results_of(directory)
    assert results["status"] == "done"
    assert list(results["metrics"]) == [*names, "means"]
    means = results["metrics"]["means"]
    for title, ratio in allocators.items():
        found = means[f"GRU, training step, 1 core, {title}"]["linen"]
        assert found["median_seconds"] == pytest.approx(ratio)
    printed = capsys.readouterr().out
    assert "GRU, training step, 1 core, default allocator: multiples of sc" in printed
    assert "relative to the default allocator:\n  scan: 1.25\n  linen: 1.88" in printed
    shown = ("ratio_by_shape_gradient", "ratio_by_shape_train", "time_by_length")
    assert plots_of(directory) == {*shown, *(f"{name}_kept" for name in shown)}

    # as if killed in the third case, with the second's result lost
    path.write_text("".join(f"{line}\n" for line in (lines[0], lines[3])))
    measured.clear()
    assert run(f"--resume {directory}") == DONE
    again = path.read_text().splitlines()
    assert again[:2] == [lines[0], lines[3]] and len(again) == len(lines)
    assert measured == names[1:3] + names[4:]
    assert "3/8 lengths" in capsys.readouterr().out
    assert json.loads(again[-1])["means"] == means


@pytest.mark.parametrize(
    ("key", "wrong", "passes"),
    [
        ("outputs", [0.9e-5, 0], True),
        ("outputs", [1.1e-5, 0], False),
        ("outputs", [np.nan, 0], False),
        ("gradient of bias", [3.6e-4, 0], True),
        ("gradient of bias", [4.4e-4, 0], False),
        ("the shape of outputs: .3, 2., not .2,", np.zeros((3, 2)), False),
    ],
)
def test_results_are_compared_by_the_largest(key, wrong, passes):
    theirs = {"outputs": np.array([0.1, -0.5]), "gradient of bias": np.array([1, -4.0])}
    name = key if key in theirs else "outputs"
    ours = theirs | {name: theirs[name] + wrong}
    says = pytest.raises(turns.Disagreement, match=f"b disagrees with a in {key}")
    with contextlib.nullcontext() if passes else says:
        turns.verify("b", ours, "a", theirs)


def test_ratios_best_rows_and_shares():
    names = ("hoisted", "hoisted_sharded", "linen", "haiku", "torch")
    shapes = (work.Shape(2, 3, size) for size in (5, 7))
    cases = [case_of(*names, num_cores=2, shape=shape) for shape in shapes]
    found = [
        found_of(hoisted=10, hoisted_sharded=5, linen=20, haiku=30, torch=40),
        found_of(hoisted=10, linen=80, haiku=40, torch=10),
    ]
    measured = dict(zip(cases, found))
    whole = tables.with_best(measured, "hoisted")
    expected = {
        "linen": [2.0, 8.0],
        "hoisted_sharded": [0.5, None],
        "fastest JAX library": [2.0, 4.0],
        "best placement": [0.5, 1.0],
    }
    for name, values in expected.items():
        found = tables.ratios(cases, whole, name, "hoisted", "median_seconds")
        assert found == [None if v is None else pytest.approx(v) for v in values]
    (summary,) = tables.summarize(measured, "hoisted").values()
    assert summary["linen"]["median_seconds"] == pytest.approx(4.0)
    assert summary["best placement"]["median_seconds"] == pytest.approx(0.5**0.5)
    text = tables.to_text(tables.ratio_table(cases, whole, "hoisted"))
    rows = {line[2:24].strip(): line[24:].split() for line in text.splitlines()}
    assert rows["linen"] == "2.00 8.00 4.00 4.00 1.00 3".split()
    assert rows["hoisted, ms"] == ["10.0", "10.0"]
    assert rows["spread, %"] == ["30", "30"]

    product, gradient = (
        work.Case("share", name, "lstm", SHAPE, 2, ("hoisted",))
        for name in ("product", "gradient")
    )
    flops = 3 * 2 * 2 * 3 * (5 + 5) * 4 * 5  # three products of [B, D + H] and 4 H
    assert work.num_flops(gradient) == flops
    milliseconds = 1e3 * flops / (0.8 * 2 * 2048**3)  # at 80 % of its speed
    share = {product: found_of(hoisted=1e3), gradient: found_of(hoisted=milliseconds)}
    first, second = tables.share_lines(share)[:2]
    assert first == "large product, GFLOP/s on 2 cores, default allocator: hoisted 17"
    assert second.endswith("hoisted: 80%")


def test_pictures_hold_what_was_measured():
    cases = [case_of("hoisted", "linen", shape=work.Shape(2, n, 5)) for n in (16, 64)]
    found = [found_of(hoisted=10, linen=20), found_of(hoisted=30, linen=120)]
    measured = dict(zip(cases, found))
    (axes,) = plots.time_by_length(cases, measured).axes
    assert [[*line.get_xdata()] for line in axes.get_lines()] == [[16, 64]] * 2
    times = [line.get_ydata() for line in axes.get_lines()]
    np.testing.assert_allclose(times, [[10, 30], [20, 120]])
    (axes,) = plots.ratio_by_shape(cases, measured, "hoisted").axes
    assert list(axes.get_lines()[0].get_ydata()) == pytest.approx([2.0, 4.0])
    assert axes.get_lines()[0].get_label() == "linen"


def test_a_plan_has_who_can_do_it():
    names = ("scan", "hoisted", "hoisted_sharded", "linen", "haiku", "torch")
    cores = count_cores()
    odd, even = work.Shape(2 * cores + 1, 3, 5), work.Shape(2 * cores, 3, 5)
    groups, cells = ("gradient", "share", "long", "vmap"), ("lstm", "gru")
    shapes, lengths, allocators = (odd, even), (), ("default",)
    sizes = (shapes, lengths, (0, 1), allocators)
    plan = make_plan(groups, cells, *sizes, names, "hoisted", 7)
    assert len({case.name for case in plan}) == len(plan)
    by_name = {case.name.rpartition(", ")[0]: case.contenders for case in plan}
    on_one = tuple(n for n in names if n != "hoisted_sharded")
    expected = {
        f"gradient lstm {odd} on 1 core": on_one,
        f"gradient gru {odd} on 1 core": tuple(n for n in on_one if n != "haiku"),
        "share product on 1 core": on_one,
        "long lstm 8,16384,64 on 1 core": ("scan", "hoisted", "remat"),
        f"vmap gru {odd} on 1 core": ("hoisted", "hoisted_vmap"),
    }
    if cores > 1:
        expected[f"gradient lstm {even} on {cores} cores"] = names
        expected[f"gradient lstm {odd} on {cores} cores"] = on_one
    assert expected.items() <= by_name.items()


def test_a_contender_that_is_not_installed_is_refused(tmp_path, capsys, monkeypatch):
    absent = contenders.CONTENDERS["linen"]._replace(package="no_such_package")
    monkeypatch.setitem(contenders.CONTENDERS, "linen", absent)
    assert run(f"{TINY} --run-dir {tmp_path / 'run'}") == BAD_INPUT
    message = "contenders must be installed, got linen; install it with: pip"
    assert message in capsys.readouterr().err
    assert "linen" not in contenders.choose(())
    assert not (tmp_path / "run").exists()


def test_importing_imports_no_peer():
    program = """
import sys
import experiments.benchmark.__main__
heavy = {"flax", "haiku", "equinox", "keras", "torch", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], cwd=turns.ROOT, check=True)


@pytest.mark.conformance
@pytest.mark.parametrize("group", ["gradient", "train"])
def test_every_installed_contender_agrees(group):
    """Outputs and all gradients; `measure` raises if one does not."""
    names = contenders.choose(())
    assert {"linen", "nnx", "haiku", "equinox", "keras", "torch"} <= set(names)
    names += ("hoisted_vmap", "scan_sharded", "scan_vmap", "remat")
    sizes = ((work.Shape(2 * count_cores(), 7, 5),), (), (0,), ("default",))
    with turns.workers() as lend:
        for case in make_plan((group,), contenders.CELLS, *sizes, names, "hoisted", 3):
            assert set(turns.measure(case, lend, **ONCE)) == set(case.contenders)

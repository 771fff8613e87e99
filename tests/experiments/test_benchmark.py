"""The benchmark with real workers, at a tiny size."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from experiments import benchmark
from experiments.benchmarking import contenders, plots, tables, turns, work
from experiments.benchmarking.plan import count_cores, make_plan
from experiments.harness.command import BAD_INPUT, DONE, FAILED, run_command

SHAPE = work.Shape(2, 3, 5)
TINY = (
    "--contenders scan linen --reference scan --shapes 2,3,5 --num-rounds 2 "
    "--turn-seconds 0 --pause-seconds 0 --num-cores 1"
)
ONCE = {"num_rounds": 1, "turn_seconds": 0.0, "pause_seconds": 0.0}


def run(flags, run_dir):
    arguments = [*f"{TINY} {flags}".split(), "--run-dir", str(run_dir)]
    return run_benchmark(arguments)


def run_benchmark(arguments):
    return run_command(
        benchmark.benchmark, benchmark.Config, benchmark.PRESETS, None, arguments
    )


def case_of(*names, group="gradient", cell="lstm", num_cores=1, shape=SHAPE):
    return work.Case(group, group, cell, shape, num_cores, names)


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


@pytest.fixture
def disturbed(monkeypatch):
    entry = contenders.CONTENDERS["linen"]
    entry = entry._replace(source="tests.experiments.disturbed:linen_rnn")
    monkeypatch.setitem(contenders.CONTENDERS, "disturbed", entry)


def test_a_run_is_measured_shown_and_gone_on_with(tmp_path, capsys):
    flags = "--works gradient train lengths --cells gru --lengths 2 4"
    assert run(flags, tmp_path / "run") == DONE
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    names = [
        "gradient gru 2,3,5 on 1 core",
        "train gru 2,3,5 on 1 core",
        "lengths lstm 16,2,128 on 1 core",
        "lengths lstm 16,4,128 on 1 core",
    ]
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["status"] == "done"
    assert list(results["metrics"]) == [*names, "means"]
    for name in names:
        found = results["metrics"][name]
        assert list(found) == ["scan", "linen"]
        for entry in found.values():
            assert len(entry["turns"]) == 2 and min(entry["turns"]) > 0
            low, high = entry["quartiles"]
            assert 0 < low <= entry["median_seconds"] <= high < 10
            assert entry["compile_seconds"] > 0 and entry["temp_bytes"] > 0
            if sys.platform == "linux":
                assert 2**25 < entry["peak_bytes"] < 2**33
    means = results["metrics"]["means"]["GRU, training step, 1 core"]
    medians = [
        results["metrics"][names[1]][name]["median_seconds"]
        for name in ("linen", "scan")
    ]
    assert means["linen"]["median_seconds"] == pytest.approx(medians[0] / medians[1])
    printed = capsys.readouterr().out
    assert "GRU, training step, 1 core: multiples of scan" in printed
    for name in ("ratio_by_shape_gradient", "ratio_by_shape_train", "time_by_length"):
        assert (tmp_path / "run" / "plots" / f"{name}.png").stat().st_size > 10_000

    # as if it had been killed in the third case
    kept = "".join(f"{line}\n" for line in lines[:2])
    (tmp_path / "run" / "metrics.jsonl").write_text(kept)
    assert run_benchmark(["--resume", str(tmp_path / "run")]) == DONE
    again = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert again[:2] == lines[:2] and len(again) == len(lines)
    printed = capsys.readouterr().out
    assert "3/4 lengths" in printed and "2/4" not in printed


def test_a_contender_that_disagrees_is_named(disturbed, tmp_path, capsys):
    arguments = TINY.replace("scan linen", "scan disturbed").split()
    arguments += ["--works", "gradient", "--cells", "lstm"]
    assert run_benchmark([*arguments, "--run-dir", str(tmp_path / "run")]) == FAILED
    message = "disturbed disagrees with scan in gradient of bias"
    assert message in capsys.readouterr().err
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["status"] == "failed" and message in results["error"]


def test_a_contender_that_fails_or_dies_is_named(monkeypatch):
    entry = contenders.CONTENDERS["scan"]
    failing = entry._replace(options={"name": "none"})
    monkeypatch.setitem(contenders.CONTENDERS, "failing", failing)
    dying = entry._replace(source="tests.experiments.nowhere:load")
    monkeypatch.setitem(contenders.CONTENDERS, "dying", dying)
    with turns.workers() as lend:
        with pytest.raises(turns.WorkerFailed, match="failing failed:(.|\n)*KeyError"):
            turns.measure(case_of("failing"), lend, **ONCE)
        with pytest.raises(turns.WorkerFailed, match="dying died with status 1"):
            turns.measure(case_of("dying"), lend, **ONCE)


def test_a_waiting_worker_takes_no_core_and_is_held_to_its_own(tmp_path):
    """By the clock of its process, over a wait of 0.2 s."""
    with turns.workers() as lend:
        worker = lend("scan", 1)
        turns.measure(case_of("scan"), lend, **ONCE)
        stat = tmp_path.joinpath("/proc", str(worker._process.pid), "stat")
        if not stat.exists():
            pytest.skip("needs /proc")

        def ticks():
            return sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))

        before = ticks()
        time.sleep(0.2)
        assert ticks() - before <= 1
        status = stat.with_name("status").read_text()
        allowed = status.partition("Cpus_allowed_list:")[2].split()[0]
        assert allowed.isdecimal()  # one core, not a range


@pytest.mark.parametrize(
    "key, wrong, passes",
    [
        ("outputs", 0.9e-5, True),
        ("outputs", 1.1e-5, False),
        ("outputs", np.nan, False),
        ("gradient of bias", 3.6e-4, True),
        ("gradient of bias", 4.4e-4, False),
    ],
)
def test_results_are_compared_by_the_largest(key, wrong, passes):
    theirs = {"outputs": np.array([0.1, -0.5]), "gradient of bias": np.array([1, -4.0])}
    ours = {name: value.copy() for name, value in theirs.items()}
    ours[key][0] += wrong
    if passes:
        turns.verify("b", ours, "a", theirs)
    else:
        with pytest.raises(turns.Disagreement, match=f"b disagrees with a in {key}"):
            turns.verify("b", ours, "a", theirs)


def test_a_shape_that_differs_is_a_disagreement():
    with pytest.raises(turns.Disagreement, match="shape of outputs: .3, 2., not .2, 3"):
        turns.verify(
            "b", {"outputs": np.ones((3, 2))}, "a", {"outputs": np.ones((2, 3))}
        )


def test_ratios_best_rows_and_shares():
    names = ("hoisted", "hoisted_sharded", "linen", "haiku", "torch")
    cases = [
        case_of(*names, num_cores=2, shape=work.Shape(2, 3, size)) for size in (5, 7)
    ]
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

    product = case_of("hoisted", num_cores=2)
    product = product.__class__("share", "product", "lstm", SHAPE, 2, ("hoisted",))
    gradient = product.__class__("share", "gradient", "lstm", SHAPE, 2, ("hoisted",))
    flops = 3 * 2 * 2 * 3 * (5 + 5) * 4 * 5  # three products of [B, D + H] and 4 H
    assert work.num_flops(gradient) == flops
    milliseconds = 1e3 * flops / (0.8 * 2 * 2048**3)  # at 80 % of a second's product
    lines = tables.share_lines(
        {product: found_of(hoisted=1e3), gradient: found_of(hoisted=milliseconds)}
    )
    assert lines[0] == "large product, GFLOP/s on 2: hoisted 17"
    assert lines[1].endswith("hoisted: 80%")


def test_pictures_hold_what_was_measured():
    cases = [case_of("hoisted", "linen", shape=work.Shape(2, n, 5)) for n in (16, 64)]
    found = [found_of(hoisted=10, linen=20), found_of(hoisted=30, linen=120)]
    measured = dict(zip(cases, found))
    (axes,) = plots.time_by_length(cases, measured).axes
    for line, milliseconds in zip(axes.get_lines(), ([10, 30], [20, 120]), strict=True):
        assert list(line.get_xdata()) == [16, 64]
        assert list(line.get_ydata()) == pytest.approx(milliseconds)
    (axes,) = plots.ratio_by_shape(cases, measured, "hoisted").axes
    assert list(axes.get_lines()[0].get_ydata()) == pytest.approx([2.0, 4.0])
    assert axes.get_lines()[0].get_label() == "linen"


def test_a_plan_has_who_can_do_it():
    names = ("scan", "hoisted", "hoisted_sharded", "linen", "haiku", "torch")
    groups = ("gradient", "share", "long", "vmap")
    cores = count_cores()
    odd, even = work.Shape(2 * cores + 1, 3, 5), work.Shape(2 * cores, 3, 5)
    plan = make_plan(
        groups, ("lstm", "gru"), (odd, even), (), (0, 1), names, "hoisted", 7
    )
    assert len({case.name for case in plan}) == len(plan)
    by_name = {case.name: case.contenders for case in plan}
    on_one = [n for n in names if n != "hoisted_sharded"]
    assert by_name[f"gradient lstm {odd} on 1 core"] == tuple(on_one)
    without_haiku = tuple(n for n in on_one if n != "haiku")
    assert by_name[f"gradient gru {odd} on 1 core"] == without_haiku
    assert by_name["share product on 1 core"] == tuple(on_one)
    assert by_name["long lstm 8,16384,64 on 1 core"] == (
        "scan",
        "hoisted",
        "remat",
    )
    assert by_name[f"vmap gru {odd} on 1 core"] == ("hoisted", "hoisted_vmap")
    if cores > 1:
        assert by_name[f"gradient lstm {even} on {cores} cores"] == names
        assert by_name[f"gradient lstm {odd} on {cores} cores"] == tuple(on_one)


@pytest.mark.parametrize(
    "flags, message",
    [
        ("--cells lstm rnn", "invalid choice"),
        ("--contenders scan flaks", "contenders must be among scan, "),
        ("--contenders linen torch", "reference must be one of the contenders, got"),
        ("--shapes 2,3", "shapes must be B,T,D of three positive whole numbers"),
        ("--shapes 2,3,5 2,0,5", "such as 20,35,200, got 2,0,5"),
        ("--shapes 2,3,5.5", "such as 20,35,200, got 2,3,5.5"),
        ("--lengths 4 0", "lengths must be at least 1, got (4, 0)"),
        ("--num-rounds 0", "num_rounds must be at least 1, got 0"),
        ("--works", "works must not be empty"),
        ("--num-updates 3", "num-updates"),
    ],
)
def test_bad_flags_are_refused(tmp_path, capsys, flags, message):
    with pytest.raises(SystemExit) as exit_info:
        run(flags, tmp_path / "run")
    assert exit_info.value.code == BAD_INPUT
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in printed
    assert not (tmp_path / "run").exists()


def test_what_the_machine_lacks_is_one_line(tmp_path, capsys, monkeypatch):
    assert run("--num-cores 1000", tmp_path / "run") == BAD_INPUT
    message = f"num_cores must be at most {count_cores()}, got 1000."
    assert capsys.readouterr().err == f"error: {message}\n"
    flags = "--contenders linen --reference linen --works vmap"
    assert run(flags, tmp_path / "run") == BAD_INPUT
    message = (
        "reference must be one of scan, hoisted, remat for the works long and vmap"
    )
    assert message in capsys.readouterr().err
    absent = contenders.CONTENDERS["linen"]._replace(package="no_such_package")
    monkeypatch.setitem(contenders.CONTENDERS, "linen", absent)
    assert run("", tmp_path / "run") == BAD_INPUT
    message = "contenders must be installed, got linen; get it by: pip install"
    assert message in capsys.readouterr().err
    assert "linen" not in contenders.choose(())
    assert not (tmp_path / "run").exists()


def test_importing_imports_no_peer():
    program = """
import sys
import experiments.benchmark
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
    cores = count_cores()
    shape = work.Shape(2 * cores, 7, 5)
    plan = make_plan(
        (group,), contenders.CELLS, (shape,), (), (0,), names, "hoisted", 3
    )
    with turns.workers() as lend:
        for case in plan:
            found = turns.measure(case, lend, **ONCE)
            assert set(found) == set(case.contenders)

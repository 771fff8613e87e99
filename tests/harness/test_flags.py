"""A dataclass defines flags, presets, files, and what a resume may change."""

import dataclasses
import json
import os
import re
import sys
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.harness import TrainingConfig, flag, main
from experiments.harness.config import metadata, read_config, to_json
from tests.harness import toy
from tests.harness.conftest import assert_same_run, run_encoded

SIZES = ("num_updates", "eval_every", "checkpoint_every", "hidden_size")
LEAST = "must be at least 1, got"
WRONG_FLAGS = {
    "--hiden-size 64": "Perhaps you meant.*--hidden-size",
    "--preset smal": "(?=.*small).*long",
    "--hidden-size wide": "(?=.*wide).*--hidden-size",
    "--sample 12": "--sample needs --resume DIR",
    "--config nowhere.json": r"\Aerror: .*nowhere.json.* does not exist\.",
    "--resume .": r"\Aerror: \. holds no run",
    **{
        f"--{name.replace('_', '-')} {value}": rf"{name} {LEAST} {value}\."
        for name in SIZES
        for value in (0, -3)
    },
}
WRONG_FILES = {
    '{"hiden_size": 3, "a": 1}': "has unknown keys: a, hiden_size.",
    '{"hidden_size": "3"}': "must be int, got '3'.",
    '{"hidden_size": true}': "must be int, got True.",
    '{"hidden_size": 0}': "hidden_size must be at least 1, got 0.",
    '{"signal": "SIGKILL"}': "must be typing.Literal",
    '{"widths": [1, 2.5]}': "must be tuple[int, ...], got [1, 2.5].",
    '{"widths": {}}': "must be tuple[int, ...], got {}.",
    "[1]": "must hold a JSON object, got [1].",
    "{": "must be JSON, but: ",
}


@pytest.mark.parametrize("flags", WRONG_FLAGS)
def test_wrong_flags_are_explained(run_toy, tmp_path, monkeypatch, flags):
    monkeypatch.chdir(tmp_path)
    err = run_toy(*flags.split(), status=2).err
    assert re.search(WRONG_FLAGS[flags], err, re.DOTALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", WRONG_FILES)
def test_wrong_config_file_says_what_is_wrong(run_toy, tmp_path, content):
    file = tmp_path / "config.json"
    file.write_text(content)
    err = run_toy("--config", file, "--run-dir", tmp_path / "run", status=2).err
    assert err.startswith("error: ") and WRONG_FILES[content] in err


def test_defaults_preset_file_flags_overrule_one_another(run_toy, tmp_path):
    configs = []

    def train(config, run):
        configs.append(config)

    train.__module__ = toy.__name__
    file, directory = tmp_path / "config.json", tmp_path / "run"
    file.write_text(json.dumps({"eval_every": 7, "learning_rate": 1}))
    given = ("--preset", "small", "--config", file, "--learning-rate", "0.5")
    run_toy("--run-dir", directory, *given, train=train)
    expected = {"hidden_size": 3, "eval_every": 7, "learning_rate": 0.5}
    assert configs == [toy.Config(**expected, run_dir=directory)]


def test_config_of_a_run_reproduces_it(run_toy, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run_toy("--preset", "small", "--seed", 4, "--widths", 5, 6, 7, "--run-dir", first)
    run_toy("--config", first / "config.json", "--run-dir", second)
    text = (second / "config.json").read_text()
    assert text == (first / "config.json").read_text()
    assert json.loads(text)["widths"] == [5, 6, 7]
    assert_same_run(second, first)
    run_toy("--resume", second, "--num-updates", 35)  # the rest stays as in the run
    config = json.loads((second / "config.json").read_text())
    assert config == json.loads(text) | {"num_updates": 35}


@dataclasses.dataclass(frozen=True)
class AllKinds(TrainingConfig):
    rate: float = flag(0.5, "a float")
    name: str = flag("", "a text")
    path: Path | None = flag(None, "a path")
    tied: bool = flag(False, "a switch")
    cell: Literal["lstm", "gru"] = flag("lstm", "a choice")
    sizes: tuple[int, ...] = flag((), "sizes")
    pair: tuple[float, str] = flag((0.0, "a"), "a pair")
    limit: float | None = flag(None, "a limit")


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        AllKinds,
        seed=st.integers(),
        rate=FINITE,
        name=st.text(),
        path=st.none() | st.sampled_from([Path("a/b"), Path("/c")]),
        tied=st.booleans(),
        cell=st.sampled_from(["lstm", "gru"]),
        sizes=st.lists(st.integers(), max_size=3).map(tuple),
        pair=st.tuples(FINITE, st.text()),
        limit=st.none() | st.floats(allow_nan=False),
    )
)
def test_every_config_survives_its_file(tmp_path_factory, config):
    path = tmp_path_factory.getbasetemp() / "survives.json"
    path.write_text(json.dumps(to_json(config)))
    assert AllKinds(**read_config(AllKinds, path)) == config


def test_minimum_holds_for_every_element_and_for_a_field_declared_again():
    with pytest.raises(ValueError, match=r"widths must be at least 1, got \(3, 0\)\."):
        toy.Config(widths=(3, 0))
    inherited = metadata(toy.Config, "num_updates")
    assert inherited == {"help": "updates in all", "resumable": True, "minimum": 1}
    assert not metadata(toy.Config, "hidden_size").get("resumable")


def test_resume_with_another_configuration_lists_what_differs(run_toy, undisturbed):
    given = ("--hidden-size", 4, "--seed", 3, "--num-updates", 40, "--preset", "small")
    outcome = run_toy("--resume", undisturbed, *given, status=2)
    assert outcome.err.splitlines()[1:] == [
        "  seed: 0 in the run, 3 asked for",
        "  eval_every: 10 in the run, 15 asked for",
        "  hidden_size: 5 in the run, 4 asked for",
    ]
    assert "30" in (undisturbed / "config.json").read_text()


def test_sample(run_toy, undisturbed):
    before = (undisturbed / "results.json").read_text()
    outcome = run_toy("--resume", undisturbed, "--sample", 12)
    assert outcome.out == "12 steps after update 30 and 3 evaluations\n"
    assert (undisturbed / "results.json").read_text() == before


def test_what_a_run_cannot_do_is_refused(run_toy, undisturbed):
    for arguments, message in {
        "--num-updates 20": "num_updates must be at least 30",
        "--sample 0": "must be at least 1, got 0",
        "--sample 12 --fails input": (
            r"\Aerror: prompt must be of the vocabulary, got 'ß'\.\n\Z"
        ),
        "--text other": (  # other data than the run was trained with
            r"\Aerror: text must be what .*was trained with, SHA-256 e3b0c442"
        ),
    }.items():
        outcome = run_toy("--resume", undisturbed, *arguments.split(), status=2)
        assert re.search(message, outcome.err)
        run_toy("--resume", undisturbed)  # it can still be resumed


def test_help_begins_with_examples_and_explains_every_field(run_toy):
    text = " ".join(run_toy("--help").out.replace("│", " ").split())
    assert text.index("Examples: python -m tests.harness.toy") < text.index("A tiny")
    for field in dataclasses.fields(toy.Config):
        assert re.search(f"--{field.name.replace('_', '-')}[ ,]", text)
        assert field.metadata["help"] in text


def test_help_takes_the_examples_of_the_docstring(run_toy, monkeypatch):
    example = "python -m tests.harness.toy --seed 5"
    monkeypatch.setattr(toy, "__doc__", f"Does.\n\n  {example}\n\nMore.")
    text = run_toy("--help").out
    assert text.count(example) == 1
    assert text.index(example) < text.index("Does.") < text.index("More.")


def test_help_is_quick_imports_nothing_slow_and_suits_every_console():
    watch = "import sys; sys.argv[1:] = ['--help']; import runpy; import atexit; "
    watch += "atexit.register(lambda: print(*sys.modules)); "
    watch += "runpy.run_module('tests.harness.toy', run_name='__main__')"
    before = os.times()
    done = run_encoded("ascii", "-c", watch)
    after = os.times()
    *text, modules = done.stdout.splitlines()
    assert "what an evaluation prints, ? for one" in " ".join(text)
    assert "jax" in modules.split()
    assert not set(modules.split()) & {"orbax.checkpoint", "matplotlib", "flax"}
    # processor time, so that other work on the machine does not count
    seconds = after.children_user - before.children_user
    assert seconds < 2 * 3  # twice the promise, for slower machines


def test_the_process_ends_with_the_status(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["toy", "--seeed", "1"])
    with pytest.raises(SystemExit) as ended:
        main(toy.train, toy.Config)
    assert ended.value.code == 2
    assert "--seed" in capsys.readouterr().err

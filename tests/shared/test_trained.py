"""The symbols saved with a run, and runs that are refused by name."""

import dataclasses
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput
from experiments.harness.results import FORMAT
from experiments.shared.trained import (
    experiment_of,
    load,
    load_symbols,
    save_symbols,
)


def save_results(directory, experiment):
    results = {"format": FORMAT, "experiment": experiment}
    (directory / "results.json").write_text(json.dumps(results))


@pytest.fixture
def run_directory(tmp_path):
    """The files of a run that are read before its configuration."""
    save_results(tmp_path, "experiments.word_lm")
    save_symbols(tmp_path, Vocabulary.of_characters("abc"))
    return tmp_path


def test_another_vocabulary_is_an_error_that_says_what_differs(tmp_path):
    save_symbols(tmp_path, Vocabulary.of_characters("abc"))
    save_symbols(tmp_path, Vocabulary.of_characters("cab"))
    with pytest.raises(BadInput, match=r"missing are 'a', new 'x', 'y'"):
        save_symbols(tmp_path, Vocabulary.of_characters("bcxy"))


def test_a_run_of_another_experiment_or_vocabulary_is_refused(run_directory):
    char_lm = {"experiment": "experiments.char_lm"}
    for asked, message in (
        (char_lm, "must be of experiments.char_lm, got one of experiments.word_lm"),
        ({"symbols": Vocabulary.of_characters("abd")}, "missing are 'c', new 'd'"),
    ):
        with pytest.raises(BadInput, match=message) as error:
            load(run_directory, **asked)
        assert error.value.path == run_directory


def test_the_experiment_of_a_run_may_be_a_folder(run_directory):
    """It is imported from its file `__main__`."""
    save_results(run_directory, "experiments.memory_tasks")
    assert experiment_of(run_directory).Config.__module__.endswith("__main__")


def test_a_directory_without_a_run_or_symbols(run_directory):
    with pytest.raises(BadInput, match="nowhere: the directory holds no run"):
        load(run_directory / "nowhere")
    path = run_directory / "symbols.json"
    path.write_text('{"symbols": 3}')
    with pytest.raises(
        BadInput, match=r"symbols.json: .* must be a Vocabulary in JSON"
    ):
        load(run_directory)
    path.unlink()
    with pytest.raises(BadInput, match="keeps no symbols"):
        load(run_directory)


@dataclasses.dataclass(frozen=True)
class Symbols:
    characters: Vocabulary
    classes: tuple[str, ...]
    scale: float
    columns: dict[str, tuple[float, ...]]


@given(st.text(min_size=1), st.lists(st.text()), st.floats(allow_nan=False))
def test_symbols_come_back(text, classes, scale):
    characters = Vocabulary.of_characters(text)
    symbols = Symbols(characters, tuple(classes), scale, {"a": (1.5, scale)})
    with tempfile.TemporaryDirectory() as directory:
        save_symbols(Path(directory), symbols)
        assert load_symbols(Path(directory), Symbols) == symbols
        save_symbols(Path(directory), symbols)


def test_other_symbols_are_named(tmp_path):
    symbols = Symbols(Vocabulary(("a", "b")), ("x", "y"), 0.5, {})
    save_symbols(tmp_path, symbols)
    others = {
        r"classes must be that of the run, \('x', 'y'\), got \('y',\)": {
            "classes": ("y",)
        },
        "missing are 'b', new none": {"characters": Vocabulary(("a",))},
    }
    for message, fields in others.items():
        with pytest.raises(BadInput, match=message):
            save_symbols(tmp_path, dataclasses.replace(symbols, **fields))

"""The vocabulary saved with a run, and runs that are refused by name."""

import json

import pytest

from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput
from experiments.harness.results import FORMAT
from experiments.shared import answering
from experiments.shared.trained import experiment_of, load, save_vocabulary


def save_results(directory, experiment):
    results = {"format": FORMAT, "experiment": experiment}
    (directory / "results.json").write_text(json.dumps(results))


@pytest.fixture
def run_directory(tmp_path):
    """The files of a run that are read before its configuration."""
    save_results(tmp_path, "experiments.word_lm")
    save_vocabulary(tmp_path, Vocabulary.of_characters("abc"))
    return tmp_path


def test_another_vocabulary_is_an_error_that_says_what_differs(tmp_path):
    save_vocabulary(tmp_path, Vocabulary.of_characters("abc"))
    save_vocabulary(tmp_path, Vocabulary.of_characters("cab"))
    with pytest.raises(BadInput, match=r"missing are 'a', new 'x', 'y'"):
        save_vocabulary(tmp_path, Vocabulary.of_characters("bcxy"))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"experiment": "experiments.char_lm"},
            "must be of experiments.char_lm, got one of experiments.word_lm",
        ),
        ({"vocabulary": Vocabulary.of_characters("abd")}, "missing are 'c', new 'd'"),
    ],
)
def test_a_run_of_another_experiment_or_vocabulary_is_refused(
    run_directory, asked, message
):
    with pytest.raises(BadInput, match=message) as error:
        load(run_directory, **asked)
    assert error.value.path == run_directory


def test_the_experiment_of_a_run_may_be_a_folder(run_directory, capsys):
    """It is imported from its file `__main__`; this one answers no lines."""
    save_results(run_directory, "experiments.memory_tasks")
    assert experiment_of(run_directory).Config.__module__.endswith("__main__")
    assert answering.main([str(run_directory)]) == 2
    message = f"error: {run_directory} is of an experiment that answers no lines."
    assert message in capsys.readouterr().err


def test_a_directory_without_a_run_or_a_vocabulary(run_directory):
    with pytest.raises(BadInput, match="nowhere: the directory holds no run"):
        load(run_directory / "nowhere")
    (run_directory / "vocabulary.json").unlink()
    with pytest.raises(BadInput, match="keeps no vocabulary"):
        load(run_directory)

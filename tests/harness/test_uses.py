"""Uses of a run: their flags, their help, and how they end."""

import dataclasses
from pathlib import Path

import pytest

from experiments.harness import BadInput, flag
from experiments.harness.command import run_command
from tests.harness import toy


@dataclasses.dataclass(frozen=True)
class Flags:
    times: int = flag(1, "how often to count")
    fails: bool = flag(False, "raise an error")


def count_words(directory: Path, flags: Flags) -> int:
    """Counts what is in a run.

    More of it.
    """
    if flags.fails:
        raise BadInput("a word is missing.", "words.txt", line=2)
    names = sorted(path.name for path in directory.iterdir())
    print(*names * flags.times)
    return flags.times - 1


def use(*arguments):
    words = [str(argument) for argument in arguments]
    try:
        return run_command(toy.train, toy.Config, {}, None, words, [count_words])
    except SystemExit as ended:
        return ended.code


@pytest.mark.parametrize(("times", "status"), [(1, 0), (3, 2)])
def test_a_use_has_flags_of_its_own(tmp_path, capsys, times, status):
    (tmp_path / "b").touch()
    given = ("--count-words", "--resume", tmp_path, "--times", times)
    assert use(*given) == status
    assert capsys.readouterr().out.split() == ["b"] * times


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--count-words",), "--resume"),
        (("--count-words", "--resume", "x", "--hidden-size", "3"), "--hidden-size"),
        (
            ("--resume", ".", "--count-words", "--fails"),
            "error: words.txt, line 2: a word is missing.\n",
        ),
    ],
)
def test_wrong_flags_and_bad_input_are_explained(capsys, arguments, message):
    assert use(*arguments) == 2
    assert message in capsys.readouterr().err


def test_help_names_the_use_and_its_flags(capsys):
    assert use("--help") == 0
    training = " ".join(capsys.readouterr().out.split())
    assert "--count-words" in training and "Counts what is in a run." in training
    assert use("--count-words", "--help") == 0
    own = " ".join(capsys.readouterr().out.split())
    assert "--times INT" in own and "More of it." in own
    assert "--hidden-size" not in own

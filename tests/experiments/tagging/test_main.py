"""The taggers, as a person runs them, at a tiny size."""

import numpy as np
import pytest

import experiments.tagging.__main__ as tagging
from experiments.data.sentences import Sentence
from experiments.harness.command import BAD_INPUT, DONE
from experiments.tagging.constraints import constraints_of
from experiments.tagging.grammar import made_sentences
from tests.experiments.running import plots_of, results_of, run

TINY = "--hidden-size 6 --embedding-size 5 --character-size 3 --dropout-rate 0"
RUN = "--num-updates 40 --eval-every 40 --learning-rate 0.03 --min-count 1"


def write_chunks(path):
    """Writes nouns with what is before them as chunks, and a label nowhere."""
    lines = []
    for sentence in made_sentences(seed=3, number=60):
        tags, inside = [], False
        for tag in sentence.tags:
            in_chunk = tag in ("DET", "ADJ", "NUM", "NOUN")
            tags.append("O" if not in_chunk else "I-NP" if inside else "B-NP")
            inside = in_chunk
        lines += [f"{word} x {tag}" for word, tag in zip(sentence.words, tags)] + [""]
    path.write_text("\n".join(lines))


def test_a_file_of_chunks_is_learned_by_a_crf(tmp_path, capsys):
    path = tmp_path / "chunks.txt"
    write_chunks(path)
    flags = f"{TINY} {RUN} --data-path {path} --output crf --run-dir {tmp_path / 'run'}"
    assert run(tagging, flags) == DONE
    metrics = results_of(tmp_path / "run")["metrics"]
    assert metrics["test_accuracy"] > 0.7 and 0 < metrics["test_f1"] <= 1
    assert plots_of(tmp_path / "run") == {"learning_curve", "confusions"}
    (errors,) = (tmp_path / "run" / "samples").iterdir()
    counts = [int(line.split()[0]) for line in errors.read_text().splitlines()]
    assert counts == sorted(counts, reverse=True)
    assert "most frequent tags: test_accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--tags-path a", "tags_path needs data_path"),
        ("--data-path a --test-path b", "test_path needs validation_path"),
        ("--data-path no.txt", "no.txt"),
        ("--cell lst", "cell must be"),
    ],
)
def test_bad_flags(tmp_path, capsys, flags, message):
    assert run(tagging, f"{flags} --run-dir {tmp_path / 'run'}") == BAD_INPUT
    assert message in capsys.readouterr().err


def test_constraints_are_those_that_all_sentences_follow():
    bio = [Sentence(("a", "b"), ("B-X", "I-X"))]
    tags = ("B-X", "I-X", "O")
    found = constraints_of(tags, bio)
    assert found is not None
    np.testing.assert_array_equal(found.start, [True, False, True])
    improper = [*bio, Sentence(("a", "b"), ("O", "I-X"))]
    assert constraints_of(tags, improper) is None
    assert constraints_of(("NOUN", "VERB"), []) is None

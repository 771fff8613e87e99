"""The taggers, as a person runs them, at a tiny size."""

import json

import numpy as np
import pytest

import experiments.tagging.__main__ as tagging
from experiments.data.sentences import Sentence
from experiments.harness.command import BAD_INPUT, DONE
from experiments.shared.trained import load
from experiments.tagging.constraints import constraints_of, scheme_of
from experiments.tagging.grammar import made_sentences
from tests.experiments.running import plots_of, results_of, run

TINY = (
    "--hidden-size 6 --embedding-size 5 --character-size 3 --dropout-rate 0 "
    "--max-shapes 1 --batch-size 16"
)
RUN = "--num-updates 40 --eval-every 40 --learning-rate 0.03 --min-count 1"


def write_chunks(path):
    """Writes words, parts of speech, and nouns with what is before them as chunks."""
    lines = []
    for sentence in made_sentences(seed=3, number=60):
        tags, inside = [], False
        for tag in sentence.tags:
            in_chunk = tag in ("DET", "ADJ", "NUM", "NOUN")
            tags.append("O" if not in_chunk else "I-NP" if inside else "B-NP")
            inside = in_chunk
        columns = zip(sentence.words, sentence.tags, tags)
        lines += [*map(" ".join, columns), ""]
    path.write_text("\n".join(lines))


def test_a_file_of_chunks_is_learned_by_a_crf(tmp_path, capsys):
    path = tmp_path / "chunks.txt"
    write_chunks(path)
    vectors = tmp_path / "some.vec"
    frozen = f"--vectors {vectors} --freeze-vectors"
    vectors.write_text("the 1 0 0 2\ntrain 0 1 -1 0\nwe 2 2 0 0\n")
    flags = f"{TINY} {RUN} --data-path {path} --output crf --run-dir {tmp_path / 'run'}"
    flags += " --feature-columns 1"
    assert run(tagging, f"{flags} {frozen} --cell elman --spelling convolution") == DONE
    metrics = results_of(tmp_path / "run")["metrics"]
    # A chunk follows from the parts of speech.
    assert metrics["test_accuracy"] > 0.9 and 0 < metrics["test_f1"] <= 1
    assert plots_of(tmp_path / "run") == {"learning_curve", "confusions"}
    (errors,) = (tmp_path / "run" / "samples").iterdir()
    counts = [int(line.split()[0]) for line in errors.read_text().splitlines()]
    assert counts == sorted(counts, reverse=True)
    printed = capsys.readouterr().out
    assert "most frequent tags: test_accuracy" in printed and "all spans" in printed
    assert "words are missing and begin with the mean" in printed
    trained = load(tmp_path / "run")
    table = trained.module.words.params["embedding"][...]
    words = trained.symbols.words.encode(["we", "train"])
    np.testing.assert_array_equal(table[words], [[2, 2, 0, 0], [0, 1, -1, 0]])
    check_answers(tmp_path, capsys)


def check_answers(directory, capsys):
    """Tags lines, one of them empty and one with a word that lacks its feature."""
    lines = directory / "lines.txt"
    lines.write_text(
        "the|DET train|NOUN\n\nwe|PRON tra|n|VERB the|ADV? man|NOUN\nwe|PRON train\n"
    )
    use = f"--resume {directory / 'run'} --predict --input {lines}"
    assert run(tagging, f"{use} --probabilities --format jsonl") == BAD_INPUT
    short, bad, long, bare = map(json.loads, capsys.readouterr().out.splitlines())
    assert len(short["tags"]) == 2 and len(long["tags"]) == 4 and "label" not in short
    assert bad == {"line": 2, "error": "the line must hold a word, got none."}
    assert bare["line"] == 4 and "followed by 1 features" in bare["error"]
    assert long["words"] == ["we", "tra|n", "the", "man"]
    for shares in short["tag_probabilities"]:
        assert set(shares) == {"B-NP", "I-NP", "O"}
        np.testing.assert_allclose(sum(shares.values()), 1, atol=3e-4)
    assert short["tag_probabilities"][0]["I-NP"] == 0  # no sentence begins so


def test_a_window_tags_words_and_a_softmax_the_line(tmp_path, capsys):
    """The lines of a file with one label: tags and label are learned."""
    names = "data", "tag", "label"
    sentences = made_sentences(seed=4, number=250)
    texts = (
        [" ".join(s.words) for s in sentences],
        [" ".join(s.tags) for s in sentences],
        [str(s.label) for s in sentences],
    )
    longer = RUN.replace("40", "200")
    flags = f"{TINY} {longer} --model window --window 3 --spelling none"
    for name, lines in zip(names, texts):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        flags += f" --{name}-path {tmp_path / name}"
    assert run(tagging, f"{flags} --run-dir {tmp_path / 'run'}") == DONE
    metrics = results_of(tmp_path / "run")["metrics"]
    assert metrics["test_accuracy"] > 0.7 and metrics["test_label_accuracy"] > 0.6
    trained = load(tmp_path / "run")
    text, fields = tagging.make_reply(trained, with_probabilities=True)("the light !")
    assert fields["label"] in ("order", "question", "statement")
    shares = fields["label_probabilities"].values()
    np.testing.assert_allclose(sum(shares), 1, atol=1e-3)
    assert text.endswith(f"\t{fields['label']}:{max(shares):.2f}")


CONTENTS = {
    "chunks.txt": "In IN B-PP\nMay NNP B-NP\n",
    "lines": "a b\nc\n",
    "tags": "X Y\nZ\n",
    "labels": "l\n",
    "bad.conllu": "1\tNo\tINTJ\n",
    "bad.vec": "the 1 2\nof 1\n",
}


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--tag-path a", "tag_path needs data_path"),
        (
            "--data-path chunks.txt --tag-column 3",
            "line 1: there must be a word and a tag",
        ),
        ("--data-path lines --tag-path tags --label-path labels", "must have 2 lines"),
        (
            "--data-path chunks.txt --feature-columns 3",
            "line 1: there must be a feature in column 3, got 3 columns",
        ),
        (
            "--data-path bad.conllu --feature-columns 1",
            "feature_columns needs a file of columns",
        ),
        ("--data-path bad.conllu", "bad.conllu, line 1: a word must have 10"),
        ("--model window --window 4", "window must be odd, got 4"),
        ("--vectors bad.vec", "bad.vec, line 2: a line must be a word and 2 numbers"),
        ("--data-path a --test-path b", "test_path needs validation_path"),
        ("--data-path no.txt", "no.txt"),
        ("--cell lst", "cell must be"),
    ],
)
def test_bad_flags(tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    for name, content in CONTENTS.items():
        (tmp_path / name).write_text(content)
    assert run(tagging, f"{flags} --run-dir {tmp_path / 'run'}") == BAD_INPUT
    assert message in capsys.readouterr().err


def test_constraints_are_those_that_all_sentences_follow():
    bio = [Sentence(("a", "b"), ("B-X", "I-X"))]
    tags = ("B-X", "I-X", "O")
    found = constraints_of(scheme_of(tags, bio), tags)
    assert found is not None
    np.testing.assert_array_equal(found.start, [True, False, True])
    improper = [*bio, Sentence(("a", "b"), ("O", "I-X"))]
    assert scheme_of(tags, improper) == scheme_of(("NOUN", "VERB"), []) == "none"
    assert constraints_of("none", tags) is None

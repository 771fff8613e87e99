"""The classifiers, as a person runs them, at a tiny size."""

import json

import numpy as np
import pytest

import experiments.classification.__main__ as classification
from experiments.classification.modules import word_vectors
from experiments.harness.command import BAD_INPUT, DONE
from experiments.shared.trained import load
from tests.experiments.running import plots_of, results_of, run

TINY = "--hidden-size 4 --embedding-size 3 --batch-size 8 --learning-rate 0.05"
SIGNS = {"good": "fine warm".split(), "bad": "dull cold".split()}
FILLERS = "a the film plot was so and very".split()


def made_words(rng, label):
    """Six different words, one of which tells the label."""
    words = [*rng.permutation(FILLERS)[:5], rng.choice(SIGNS[label])]
    return " ".join(rng.permutation(words))


def write_folder(path, number=60):
    rng = np.random.default_rng(0)
    path.mkdir()
    for label in SIGNS:
        lines = [made_words(rng, label) for _ in range(number)]
        (path / f"{label}.txt").write_text("\n".join(lines))


def test_a_folder_is_learned_with_attention_and_used(tmp_path, capsys):
    write_folder(tmp_path / "texts")
    flags = f"{TINY} --num-updates 30 --eval-every 30 --pooling attention"
    flags = f"{flags} --both-directions --class-weights balanced --max-length 6"
    directory = tmp_path / "run"
    flags = f"{flags} --data-path {tmp_path / 'texts'} --run-dir {directory}"
    assert run(classification, flags) == DONE
    metrics = results_of(directory)["metrics"]
    assert metrics["test_accuracy"] > 0.9
    assert plots_of(directory) == {"learning_curve", "confusions", "attention"}
    printed = capsys.readouterr().out
    assert "constant: validation_accuracy" in printed
    assert "bag of words: validation_accuracy" in printed

    lines = tmp_path / "lines.txt"
    lines.write_text("the plot was Warm\n?!\nso cold!\n")
    flags = f"--resume {directory} --predict --input {lines} --probabilities"
    assert run(classification, f"{flags} --format jsonl") == BAD_INPUT
    good, no_word, bad = map(json.loads, capsys.readouterr().out.splitlines())
    assert (good["label"], bad["label"]) == ("good", "bad")
    assert sum(good["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert no_word["error"] == "the line must hold a word, got none."


def test_trees_are_learned_and_used(tmp_path, capsys):
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(120):
        sign, turned = rng.integers(2, size=2)
        word = rng.choice(SIGNS["good" if sign else "bad"])
        adverb = "not" if turned else "so"
        noun, whole = rng.choice(FILLERS), sign ^ turned
        inner = f"({whole} (0 {adverb}) ({sign} {word}))"
        lines.append(f"({whole} (0 {noun}) {inner})")
    path = tmp_path / "my.trees"
    path.write_text("\n".join(lines))
    flags = f"{TINY} --num-updates 40 --eval-every 40 --model tree --data-path {path}"
    assert run(classification, f"{flags} --run-dir {tmp_path / 'run'}") == DONE
    assert results_of(tmp_path / "run")["metrics"]["test_accuracy"] > 0.9
    capsys.readouterr()
    path.write_text("(9 (9 not) (9 cold))\n(9 (9 so) (9 dull)\n")
    flags = f"--resume {tmp_path / 'run'} --predict --input {path}"
    assert run(classification, flags) == BAD_INPUT
    right, wrong = capsys.readouterr().out.splitlines()
    assert right == "1" and "line 2: text must close its brackets" in wrong


@pytest.mark.parametrize("target", ["labels", "number"])
def test_other_targets_and_vectors(tmp_path, target, capsys):
    rng = np.random.default_rng(0)
    rows = ["text,is"]
    for _ in range(100):
        words = rng.permutation("fine warm dull film".split())[:3]
        found = [word for word in ("fine", "warm") if word in words]
        value = "|".join(found) if target == "labels" else str(len(found))
        rows.append(f"{' '.join(words)},{value}")
    path, vectors = tmp_path / "my.csv", tmp_path / "vectors.txt"
    path.write_text("\n".join(rows))
    vectors.write_text("Warm 9 9 9\nfine 1 0 0\ndull 0 1 0\nfilm 0 0 1\n")
    flags = f"{TINY} --num-updates 90 --eval-every 90 --model average"
    flags = f"{flags} --target {target} --label-column is"
    flags = f"{flags} --vectors {vectors} --freeze-vectors"
    flags = f"{flags} --data-path {path} --run-dir {tmp_path / 'run'}"
    assert run(classification, flags) == DONE
    printed = capsys.readouterr().out
    assert "2 of 5 words are missing" in printed  # Warm is not warm
    trained = load(tmp_path / "run")
    table = dict(zip(trained.symbols.words.symbols, word_vectors(trained.module)[...]))
    assert table["dull"].tolist() == [0, 1, 0]
    assert table["warm"].tolist() == pytest.approx([1 / 3] * 3)
    name = {"labels": "test_f1", "number": "test_r2"}[target]
    assert results_of(tmp_path / "run")["metrics"][name] > 0.4
    if target == "number":
        assert plots_of(tmp_path / "run") == {"learning_curve", "predictions"}


CONTENTS = {
    "t.csv": b"text,label\nfine,x\ndull,y\n",
    "new.csv": b"text,label\nfine,x\ncold,z\n",
    "one.csv": b"text,label\nfine,x\ncold,x\n",
    "none.csv": b"text,label\nfine,x\ncold,\n",
    "unequal.csv": b"text,label\nfine,x\ndull\n",
    "latin.csv": b"text,label\nfine,x\xff\n",
    "classes/a.txt": b"fine\n",
    "classes/b.txt": b"\n",
    "my.trees": b"(a (b x) (c y) (a z))\n(b x)\n",
    "mixed.txt": b"fine 1 2\ndull 1\n",
}
OWN = "--data-path t.csv --validation-path"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (f"{OWN} new.csv", "new.csv, line 3: the label must be one of the training"),
        (f"{OWN} latin.csv", "latin.csv, byte 17: the file must be utf-8, got byte"),
        (f"{OWN} t.csv --cell lstn", "cell must be lstm"),
        (f"{OWN} t.csv --vectors mixed.txt", "mixed.txt, line 2: a line must be a w"),
        (f"{OWN} t.csv --vectors a --model tf_idf", "vectors must not be given for"),
        (f"{OWN} t.csv --model tree", "t.csv, line 2: the model needs trees"),
        (f"{OWN} t.csv --target number", "t.csv, line 2: the label must be a finite"),
        ("--data-path t.csv", "t.csv: there are too few texts: none is for"),
        ("--data-path one.csv --validation-path t.csv", "there must be two labels"),
        ("--data-path none.csv --validation-path t.csv", "line 3: the label must not"),
        ("--data-path unequal.csv", "unequal.csv, line 3: a row must have 2 values"),
        ("--data-path t.csv --label-column stars", "include 'stars', got text, label"),
        ("--data-path classes", "b.txt: the class 'b' must have an example"),
        (
            "--data-path my.trees --validation-path my.trees --model tree",
            "my.trees, line 1: a node must have one or two children, got 3",
        ),
        ("--test-path t.csv", "test_path needs validation_path"),
        ("--dataset sst --target number", "target must be label for sst"),
        ("--target labels --class-weights balanced", "class_weights must be equal"),
        ("--freeze-vectors", "freeze_vectors needs vectors"),
        ("--word-dropout-rate 0.1 --model tf_idf", "word_dropout_rate must be 0 for"),
    ],
)
def test_bad_input(tmp_path, monkeypatch, capsys, flags, message):
    monkeypatch.chdir(tmp_path)
    for name, content in CONTENTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert run(classification, f"{flags} --run-dir run") == BAD_INPUT
    error = capsys.readouterr().err
    assert message in " ".join(error.split())
    assert error.count("\n") == 1 or "--help" in error  # from the parser
    assert not (tmp_path / "run").exists()

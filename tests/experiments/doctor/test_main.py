"""The command: healthy configurations draw no alarm, planted trouble does."""

import json

import numpy as np
import pytest

from experiments import char_lm
from experiments.data.midi import write_midi
from experiments.doctor.__main__ import BAD_INPUT, HEALTHY, NO_DATA, SERIOUS, run
from experiments.doctor.runs import check_metrics, loss_curve, overfitting
from experiments.harness.config import to_json
from experiments.polyphonic_music.canons import make_canons

ELMAN = "--cell elman --hidden-size 6"
MEMORY = "memory_tasks --num-steps 12 --eval-every 5 --num-updates 5 --num-devices 1"
TEXT = "--batch-size 4 --num-steps 11 --num-devices 1"


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A text of random words, some more frequent than others."""
    rng = np.random.default_rng(0)
    known = ["".join(rng.choice(list("abcdefgh"), 2 + i % 4)) for i in range(40)]
    words = rng.choice(known, 3000, p=np.arange(1, 41) / 820)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text(" ".join(words))
    return path


def command(text, line):
    """Runs a command line on a text, or on pieces of music beside it."""
    music = text.parent / "music"
    if "MUSIC" in line:
        music.mkdir()
        for i, piece in enumerate(make_canons(15, seed=0)):
            (music / f"{i:02}.mid").write_bytes(write_midi(piece.roll, 2))
    line = line.replace("TEXT", f"{TEXT} --data-path {text}")
    return run(line.replace("MUSIC", str(music)).split())


@pytest.mark.parametrize(
    "line",
    [
        f"{MEMORY} {ELMAN}",
        f"polyphonic_music {ELMAN} --data-path MUSIC --batch-size 3",
        f"char_lm TEXT {ELMAN}",
        f"word_lm TEXT {ELMAN} --embedding-size 5 --dropout-rate 0.2",
    ],
)
def test_healthy(text, capsys, line):
    assert command(text, line) == HEALTHY
    assert "healthy: nothing found" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        f"{MEMORY} --cell lstm gru --task temporal_order",
        f"{MEMORY} --cell gru --task copy --layer dilated --num-layers 2",
        "polyphonic_music --cell gru --num-layers 2 --dropout-rate 0.2",
        "char_lm TEXT --hidden-size 32 --num-layers 2 --dropout-rate 0.5",
        "word_lm TEXT --hidden-size 32 --tie-weights --embedding-size 32",
        "classification",
        "forecasting",
        "series_classification",
        "tagging",
        "tagging --output crf --hidden-size 16",
        "translation",
        "question_answering",
    ],
)
def test_more_that_are_healthy(text, capsys, line):
    assert command(text, line) == HEALTHY
    assert "healthy: nothing found" in capsys.readouterr().out


def test_a_learning_rate_that_is_too_high(text, capsys):
    assert command(text, f"{MEMORY} {ELMAN} --learning-rate 10") == SERIOUS
    out = capsys.readouterr().out
    assert "SERIOUS  learning rate too high" in out
    assert "Change: --learning-rate 0.1" in out or "--learning-rate 0.01" in out


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("chr_lm", BAD_INPUT, "'chr_lm' is neither an experiment that trains nor"),
        ("lstm_regimes", BAD_INPUT, "nor the directory of a run"),
        ("char_lm --data-path no.txt", BAD_INPUT, "no.txt"),
        ("memory_tasks --cell lst", BAD_INPUT, "cell must be"),
        ("tagging --dataset ewt --data-dir EMPTY", NO_DATA, "ud_english_ewt"),
        ("EMPTY", BAD_INPUT, "is neither an experiment"),
    ],
)
def test_bad_input(tmp_path, capsys, line, status, message):
    assert run(line.replace("EMPTY", str(tmp_path)).split()) == status
    assert message in capsys.readouterr().err


def test_the_command_explains_itself(capsys):
    assert run([]) == BAD_INPUT and run(["--help"]) == HEALTHY
    assert "python -m experiments.doctor tagging" in capsys.readouterr().out


# ---- after a run


def write_run(directory, config, lines, status, error=""):
    directory.mkdir()
    results = {"format": 3, "experiment": "experiments.char_lm", "status": status}
    (directory / "results.json").write_text(json.dumps({**results, "error": error}))
    (directory / "config.json").write_text(json.dumps(to_json(config)))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / "metrics.jsonl").write_text(text)
    return directory


def updates(losses, norms=None):
    norms = np.ones(len(losses)) if norms is None else norms
    rows = enumerate(zip(map(float, losses), map(float, norms)), 1)
    return [{"update": i, "loss": x, "grad_norm": norm} for i, (x, norm) in rows]


def test_a_run_that_diverged(tmp_path, text, capsys):
    flags = {"cell": "elman", "hidden_size": 6, "batch_size": 4, "num_steps": 11}
    config = char_lm.Config(
        **flags,
        data_path=text,
        num_devices=1,
        optimizer="sgd",
        max_norm=None,
        learning_rate=1e38,
    )
    lines = updates([2.3, 2.4, 1e9], [1, 1, 1e6])
    error = "update 4 is not finite: loss nan. Gradient norms before it: 3: 1e6."
    directory = write_run(tmp_path / "run", config, lines, "diverged", error)
    assert run([str(directory)]) == SERIOUS
    out = " ".join(capsys.readouterr().out.split())
    assert "SERIOUS run diverged update 4 is not finite: loss nan." in out
    assert "had grown from 1 to 1.0e+06 before: it exploded" in out
    assert "SERIOUS blow-up Repeated from its initial parameters, update 2" in out
    assert "SERIOUS learning rate too high" in out
    assert run([str(directory), "--seed", "1"]) == BAD_INPUT


def names(findings):
    return [finding.name for finding in findings]


def test_metrics(tmp_path):
    config = char_lm.Config()
    lines = updates(np.linspace(3, 1, 30))
    for update, loss in ((10, 2.0), (20, 1.8), (30, 2.2)):
        lines.append({"update": update, "validation_loss": loss})
    directory = write_run(tmp_path / "run", config, lines, "done")
    (only,) = check_metrics(directory, config)
    assert only.name == "overfitting" and only.flags["num_updates"] == 20
    assert not list(overfitting(lines[:-1]))


def test_loss_curves():
    falling, noise = np.linspace(3, 1, 40), np.random.default_rng(0).normal(size=40)
    assert names(loss_curve(falling + 0.1 * noise)) == []
    assert names(loss_curve(falling[::-1])) == ["loss has risen"]
    assert names(loss_curve(np.r_[falling, falling[::-1]])) == ["loss has risen"]
    assert names(loss_curve(np.full(40, 2.0))) == ["loss has not moved"]

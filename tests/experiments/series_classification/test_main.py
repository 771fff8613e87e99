"""The classifiers, as a person runs them, at a tiny size."""

import io
import json
import sys

import numpy as np
import pytest
from scipy.io import wavfile

import experiments.series_classification.__main__ as series_classification
from experiments.harness.command import BAD_INPUT, DONE
from experiments.series_classification.made import made_signals
from tests.experiments.running import plots_of, results_of, run

TINY = "--cell elman --hidden-size 6 --dropout-rate 0 --batch-size 8"
RUN = "--num-updates 40 --eval-every 40 --learning-rate 0.03"


def write_tones(folder, number=24):
    """Writes high and low tones; low ones are called `a b`, which has a blank."""
    rng = np.random.default_rng(0)
    for label, pitch in (("high", 900), ("a b", 200)):
        (folder / label).mkdir(parents=True)
        for i in range(number):
            times = np.arange(2000) / 8000
            samples = np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1) * times)
            samples = (9000 * samples).astype(np.int16)
            wavfile.write(folder / label / f"{i}.wav", 8000, samples)


def answers(arguments, lines, monkeypatch, capsys):
    content = io.TextIOWrapper(io.BytesIO("\n".join(lines).encode()))
    monkeypatch.setattr(sys, "stdin", content)
    capsys.readouterr()
    status = run(series_classification, arguments)
    printed = capsys.readouterr()
    assert not printed.err
    return status, printed.out.splitlines()


def test_sounds_are_learned_and_others_are_labelled(tmp_path, monkeypatch, capsys):
    folder, directory = tmp_path / "tones", tmp_path / "run"
    write_tones(folder)
    flags = f"{TINY} {RUN} --data-path {folder} --num-mels 5 --noise-scale 0.1"
    flags += " --max-stretch 0.1 --max-warp 0.1"
    assert run(series_classification, f"{flags} --run-dir {directory}") == DONE
    metrics = results_of(directory)["metrics"]
    assert metrics["test_accuracy"] == metrics["validation_accuracy"] == 1
    assert plots_of(directory) == {"learning_curve", "confusions"}
    assert "accuracy of the baselines: always high 0." in capsys.readouterr().out
    (errors,) = (directory / "samples").iterdir()
    assert errors.read_text().startswith("0 of ")

    (tmp_path / "bad.wav").write_bytes(b"no sound")
    lines = [str(folder / "high" / "3.wav"), "no.wav", str(tmp_path / "bad.wav")]
    lines.append(str(folder / "a b" / "5.wav"))
    use = f"--resume {directory} --predict --probabilities --format jsonl"
    status, found = answers(use, lines, monkeypatch, capsys)
    assert status == BAD_INPUT
    first, missing, bad, last = map(json.loads, found)
    assert first["label"] == "high" and last["label"] == "a b" and last["line"] == 4
    assert missing["error"].startswith("the line must be the path of a file, got 'no")
    assert "bad.wav: the file must be a whole WAV file" in bad["error"]
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-3)


def test_the_steps_of_a_table_are_labelled(tmp_path, monkeypatch, capsys):
    path, directory = tmp_path / "steps.csv", tmp_path / "run"
    rows = [f"{i % 16},{'on' if i % 16 > 7 else 'off'}" for i in range(800)]
    path.write_text("\n".join(["level,state", *rows]))
    flags = f"{TINY} {RUN} --data-path {path} --label-column state --window 16"
    assert run(series_classification, f"{flags} --run-dir {directory}") == DONE
    assert results_of(directory)["metrics"]["test_accuracy"] > 0.9
    assert run(series_classification, f"{flags} --max-stretch 0.1") == BAD_INPUT
    assert "max_stretch must be 0 where every step" in capsys.readouterr().err
    new = tmp_path / "new.csv"
    new.write_text("other,level\n" + "\n".join(f"x,{i % 16}" for i in range(40)))
    use = f"--resume {directory} --predict"
    status, found = answers(use, [str(new)], monkeypatch, capsys)
    assert status == DONE
    found = found[0].split()
    right = [a == ("on" if i % 16 > 7 else "off") for i, a in enumerate(found)]
    assert len(right) == 40 and sum(right) > 32


def test_made_signals_are_reversed_in_pairs():
    for seed in (0, 1):
        signals = made_signals(seed, 400)
        assert len({len(one.values) for one in signals}) > 20
        features = {
            label: np.mean(
                [one.values.std(axis=0) for one in signals if one.labels == (label,)],
                axis=0,
            )
            for label in ("rising", "falling", "forth", "back")
        }
        for pair in (("rising", "falling"), ("forth", "back")):
            np.testing.assert_allclose(*(features[x] for x in pair), atol=0.05)
        assert abs(features["rising"] - features["forth"]).max() > 0.1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--label-column s", "label_column needs data_path"),
        ("--series-column s --data-path a", "series_column needs label_column"),
        ("--data-path a --test-path b", "test_path needs validation_path"),
        (
            "--dataset eeg_eye_state --data-path a",
            "dataset must be fsdd or speech_comm",
        ),
        ("--data-path nowhere", "nowhere: there is no such file or folder"),
        ("--max-warp 0.1", "max_warp must be 0 where series are not audio"),
        ("--fold 5", "fold must be from 0 to 4, got 5"),
        ("--hop-seconds 1", "hop_seconds must be from 0.001 to 0.025, got 1.0"),
        ("--sample-rate 10", "sample_rate must be from 1,000 to 192,000, got 10"),
        ("--window 0", "window must be at least 1, got 0"),
        ("--cell gruu", "cell must be"),
    ],
)
def test_bad_flags(tmp_path, capsys, flags, message):
    directory = tmp_path / "run"
    status = run(series_classification, f"{flags} --run-dir {directory}")
    assert status == BAD_INPUT
    assert message in capsys.readouterr().err

"""The command at a tiny size: a run, its transcripts, streams and times of words."""

import io
import json
import wave

import numpy as np
import pytest

from experiments.harness import BadInput
from experiments.harness.command import BAD_INPUT, DONE
from experiments.shared.trained import load
from experiments.speech_recognition import __main__ as experiment
from experiments.speech_recognition import measuring
from experiments.speech_recognition.made import made_tunes
from experiments.speech_recognition.recordings import SpeechFlags, read_folder
from experiments.speech_recognition.streaming import Listener
from experiments.speech_recognition.stringing import Strung
from experiments.speech_recognition.use import (
    TranscribeFlags,
    make_transcribe,
    read_samples,
    transcribe_stream,
)
from tests.experiments.running import plots_of, results_of, run

RATE = 8000
NAMES = [f"tune{i}" for i in range(12)]
TINY = f"--hidden-size 8 --batch-size {len(NAMES)} --num-updates 2 --eval-every 2"
TINY += " --num-mels 12"


def write_wav(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tunes whose lengths are similar, so that few programs are compiled."""
    path = tmp_path_factory.mktemp("tunes")
    tunes = [
        tune
        for tune in made_tunes(0, 99, RATE)
        if 1.3 < len(tune.samples) / RATE < 2.5 and len(tune.notes) > 4
    ][: len(NAMES)]
    for name, tune in zip(NAMES, tunes):
        write_wav(path / f"{name}.wav", np.clip(tune.samples, -1, 1))
    lines = [f"{name}\t{' '.join(t.notes)}\n" for name, t in zip(NAMES, tunes)]
    (path / "transcripts.tsv").write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory):
    """A stream of CTC over words, and a transducer of both directions."""
    streaming, both = (tmp_path_factory.mktemp("run") / name for name in "ab")
    flags = f"{TINY} --units words --data-path {folder}"
    flags += f" --validation-path {folder} --test-path {folder}"
    options = "--streaming --max-stretch 0.1 --max-warp 0.1 --time-mask 3"
    options += f" --run-dir {streaming}"
    assert run(experiment, f"{flags} {options}") == DONE
    options = f"--loss transducer --prediction-size 5 --run-dir {both}"
    assert run(experiment, f"{flags} {options}") == DONE
    return streaming, both


def test_a_run_measures_errors_and_their_parts(runs):
    for directory in runs:
        metrics = results_of(directory)["metrics"]
        for part in ("validation", "test"):
            parts = ("substitutions", "deletions", "insertions")
            total = sum(metrics[f"{part}_{name}"] for name in parts)
            assert metrics[f"{part}_error_rate"] == pytest.approx(total)
            assert metrics[f"{part}_loss"] > 0
        assert plots_of(directory) == {"learning_curve"}
        assert list((directory / "samples").glob("*_errors.txt"))


@pytest.fixture(scope="module")
def listening(runs):
    """The run that streams, with weights so large that it writes many symbols."""
    trained = load(runs[0])
    head = trained.module.params["encoder"][1]
    rng = np.random.default_rng(0)
    head["kernel"][...] = rng.normal(0, 30, head["kernel"].shape).astype(np.float32)
    return trained


@pytest.mark.parametrize("rate", [RATE, 11_025])
def test_chunks_of_a_stream_give_what_the_whole_gives(listening, rate):
    rng = np.random.default_rng(1)
    samples = made_tunes(5, 1, rate)[0].samples
    whole = Listener(listening, rate)
    expected = whole.feed(samples) + whole.finish()
    assert len(expected.split()) > 9
    if rate == RATE:
        assert expected == make_transcribe(listening)(samples)
    for most in (40, 1000, 9000):
        listener, place, text = Listener(listening, rate), 0, ""
        while place < len(samples):
            size = int(rng.integers(most))
            text += listener.feed(samples[place : place + size])
            place += size
        assert text + listener.finish() == expected
    silent = Listener(listening, rate)
    assert silent.feed(np.zeros(0, np.float32)) + silent.finish() == ""


def test_files_and_raw_samples_are_transcribed(runs, folder, capsys, monkeypatch):
    streaming, both = runs
    bad = folder.parent / "bad.wav"
    bad.write_bytes(b"RIFF")
    files = f"{folder / 'tune0.wav'} {bad} {folder / 'tune1.wav'}"
    given = f"--resume {both} --transcribe {files} --format jsonl"
    assert run(experiment, given) == BAD_INPUT
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sorted(line) for line in lines] == [
        ["file", "text"],
        ["error", "file"],
        ["file", "text"],
    ]
    assert "must be a WAV file" in lines[1]["error"] or "whole" in lines[1]["error"]
    raw = (folder / "tune0.wav").read_bytes()[44:]
    for directory in runs:
        trained, written = load(directory), io.StringIO()
        flags = TranscribeFlags(chunk_seconds=0.05)
        transcribe_stream(trained, flags, io.BytesIO(raw), written)
        capsys.readouterr()
        given = f"--resume {directory} --transcribe {folder / 'tune0.wav'}"
        assert run(experiment, given) == DONE
        assert capsys.readouterr().out == f"tune0.wav\t{written.getvalue()}"


def test_words_get_their_times(runs, folder, tmp_path, capsys):
    streaming, both = runs
    capsys.readouterr()
    assert run(experiment, f"--resume {streaming} --align {folder}") == DONE
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    texts = dict(
        line.split("\t")
        for line in (folder / "transcripts.tsv").read_text().splitlines()
    )
    for name, text in texts.items():
        own = [line for line in lines if line[0] == f"{name}.wav"]
        assert [line[3] for line in own] == text.split()
        times = [float(time) for line in own for time in line[1:3]]
        assert times == sorted(times) and times[0] >= 0
    assert run(experiment, f"--resume {both} --align {folder}") == BAD_INPUT
    assert "got a transducer" in capsys.readouterr().err


def test_times_are_measured_against_the_known_ones(runs, monkeypatch):
    """By an alignment that is known; the strings have a pause before their words."""
    strings = [
        Strung(np.zeros(2400), ["do", "re"], [(400, 1000), (1400, 2000)]),
        Strung(np.zeros(800), ["mi"], [(80, 720)]),
    ]
    aligned = iter([[("do", 2, 4), ("re", 5, 9)], [("mi", 0, 3)]])
    monkeypatch.setattr(
        measuring, "make_align", lambda *_: lambda *_: next(aligned)
    )  # steps of 3 frames of 0.010 s
    found = measuring.measure_times(load(runs[0]), strings)
    np.testing.assert_allclose(found.begins, [0.01, -0.025, -0.01], atol=1e-9)
    np.testing.assert_allclose(found.ends, [-0.005, 0.02, 0.0], atol=1e-9)


def test_raw_samples_are_read_whole():
    class Dribble(io.BytesIO):
        def read1(self, size=-1):
            return super().read1(min(size, 3))

    values = np.array([1, -32768, 32767, 256], "<i2")
    found = np.concatenate([*read_samples(Dribble(values.tobytes()), 4)])
    np.testing.assert_allclose(found * 32768, values)
    with pytest.raises(BadInput, match="byte 3: standard input must end with a whole"):
        list(read_samples(io.BytesIO(b"abc"), 4))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "tune3.wav").unlink(), "line 4: tune3 must be a recording of"),
        (
            lambda f: write_wav(f / "other.wav", np.zeros(99)),
            "other.wav: the recording must have a line in .*transcripts.tsv, got none",
        ),
        (
            lambda f: (f / "tune2.wav").write_bytes(b""),
            "tune2.wav: the file must be a",
        ),
        (
            lambda f: (f / "transcripts.tsv").write_text("tune0\tdo\n\n"),
            "line 2: the line must not be empty",
        ),
        (lambda f: (f / "transcripts.tsv").unlink(), "must hold transcripts.tsv"),
    ],
)
def test_a_folder_must_fit_its_transcripts(change, message, folder, tmp_path):
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    change(tmp_path)
    with pytest.raises(BadInput, match=message):
        read_folder(tmp_path, SpeechFlags())


def test_a_character_never_seen_is_named(folder, tmp_path, capsys):
    for name in ("tune0.wav", "tune1.wav"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "transcripts.tsv").write_text("tune0\tdo\ntune1\tdö\n")
    flags = f"{TINY} --data-path {folder} --validation-path {tmp_path}"
    run_dir = tmp_path / "run"
    assert run(experiment, f"{flags} --run-dir {run_dir}") == BAD_INPUT
    error = capsys.readouterr().err
    assert "line 2: the text of tune1.wav" in error and "got 'ö'" in error
    assert not run_dir.exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"test_path": "a", "data_path": "b"}, "test_path needs validation_path"),
        ({"units": "phonemes"}, "units must not be phonemes, which only espeak has"),
        ({"hop_seconds": 0.03}, "hop_seconds must be more than 0 and at most 0.025"),
        ({"beam_size": 2, "loss": "transducer"}, "and 1 for a transducer, got 2"),
        ({"max_warp": 1.0}, "max_warp must be less than 1, got 1.0"),
    ],
)
def test_flags_that_do_not_fit(flags, message):
    with pytest.raises(ValueError, match=message):
        experiment.Config(**flags)

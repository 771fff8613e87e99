"""Tiny runs: what they write, what is said from them, and who judges."""

import numpy as np
import pytest
from scipy.io import wavfile

from experiments.data.audio import read_wav
from experiments.harness.command import BAD_INPUT
from experiments.speech_generation import __main__ as speech_generation
from experiments.speech_generation import batches, judging, loading
from experiments.speech_generation.loading import SoundFlags
from tests.experiments.running import plots_of, results_of, run, updates_of

TINY = (
    "--num-updates 2 --eval-every 2 --hidden-size 6 --text-size 3 --reading-size 4 "
    "--batch-size 4 --num-devices 1"
)


@pytest.fixture(autouse=True, scope="module")
def few_sounds():
    """Few sounds, whose batches are of one shape: most of the time is compiling."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "VOWELS", (24, 3, 3))
        patch.setattr(batches, "SHAPES", 1)
        yield


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "frames"
    assert run(speech_generation, f"{TINY} --run-dir {directory}") == 0
    return directory


def test_a_run_of_frames(directory):
    *_, last = updates_of(directory)
    shares = {name: last[f"{name}_named"] for name in ("test", "real", "griffin_lim")}
    assert shares["real"] == 1 and shares["griffin_lim"] > 0.5
    assert shares["test"] < 1  # nothing is learned in two updates
    assert plots_of(directory) == {"learning_curve", "spectrograms"}
    for i in range(3):
        rate, samples = wavfile.read(directory / "samples" / f"00000002_{i}.wav")
        assert rate == 8000 and len(samples) >= 200
    assert results_of(directory)["status"] == "done"


def say(directory, arguments, tmp_path):
    path = tmp_path / "said.wav"
    arguments = f"--resume {directory} --say {arguments} --output-file {path}"
    return run(speech_generation, arguments), path


def test_a_text_is_said(directory, tmp_path, capsys):
    status, path = say(directory, "aio --speaker low", tmp_path)
    assert status == 0
    first = read_wav(path, 8000)
    assert np.abs(first).max() > 0
    say(directory, "aio --speaker high", tmp_path)
    assert (
        len(first) != len(read_wav(path, 8000)) or (first != read_wav(path, 8000)).any()
    )
    status, _ = say(directory, "xyz", tmp_path)
    assert status == BAD_INPUT
    assert "characters that were learned, got 'x' in 'xyz'" in capsys.readouterr().err
    status, _ = say(directory, "a --speaker nobody", tmp_path)
    assert status == BAD_INPUT
    assert "the speaker must be of high, low, got 'nobody'" in capsys.readouterr().err


def test_a_run_of_samples(tmp_path):
    directory = tmp_path / "samples"
    tiny = f"{TINY} --output samples --tier-size 8 --sample-rate 2000"
    assert run(speech_generation, f"{tiny} --run-dir {directory}") == 0
    *_, last = updates_of(directory)
    assert last["samples_per_second"] > 0
    # Before it has learned anything a model of 256 levels is no better than chance.
    assert 3 < last["validation_loss"] < 8
    status, path = say(directory, "a --temperature 0.5", tmp_path)
    assert status == 0
    assert wavfile.read(path)[0] == 2000


def test_a_judge_that_is_none(directory):
    with pytest.raises(ValueError, match="must be of experiments.speech_recognition"):
        judging.make_judge(SoundFlags(), directory)
    assert judging.make_judge(SoundFlags(dataset="fsdd"), None) is None

"""Made tunes, strings of digits, phonemes, and distorted frames."""

import jax
import jax.numpy as jnp
import numpy as np

from experiments.data.spoken_digits import TAKES, SpokenDigit
from experiments.speech_recognition.loading import DIGITS, make_strings
from experiments.speech_recognition.made import NOTES, made_tunes
from experiments.speech_recognition.recordings import SpeechFlags
from experiments.speech_recognition.warping import WarpFlags, warp
from tests.experiments.speech_recognition.test_main import write_wav

RATE = 8000


def test_notes_are_heard_at_their_times():
    for tune in made_tunes(3, 6, RATE):
        assert 3 <= len(tune.notes) <= 8 and len(tune.notes) == len(tune.times)
        for note, (begin, end) in zip(tune.notes, tune.times):
            piece = tune.samples[round(begin * RATE) : round(end * RATE)]
            spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 4 * RATE))
            frequencies = np.arange(len(spectrum)) / 4
            # The harmonic that is the loudest one is 1, 2 or 3 times the note.
            loudest = frequencies[spectrum.argmax()]
            orders = loudest / NOTES[note]
            assert min(abs(orders - np.array([1, 2, 3]))) < 0.07
    first, again = (made_tunes(3, 2, RATE)[1].samples for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_takes_of_parts_do_not_overlap():
    takes = [take for part in TAKES.values() for take in part]
    assert sorted(takes) == list(range(50))


def test_strings_are_of_one_speaker_and_one_part(tmp_path):
    spoken = []
    for speaker, level in (("ann", 0.25), ("bo", 0.5)):
        for take in (0, 5, 12):
            file = tmp_path / f"4_{speaker}_{take}.wav"
            write_wav(file, np.full(400 + 10 * take, level))
            spoken.append(SpokenDigit("4", speaker, take, file))
    for one in make_strings(spoken, "strings", 5, SpeechFlags()):
        words = one.text.split()
        assert set(words) == {DIGITS[4]} and 3 <= len(words) <= 7
        assert one.name.rpartition(" ")[2] in ("ann", "bo")
        # Digits of 520 samples, take 12 alone, with pauses of 160 to 1600 samples.
        seconds = len(one.values) * 0.010
        assert 0.085 * len(words) - 0.02 < seconds < 0.266 * len(words) + 0.02


def test_frames_are_stretched_and_bands_moved():
    rng = np.random.default_rng(0)
    lengths = np.array([40, 23, 0])
    mask = jnp.asarray(np.arange(40) < lengths[:, None])
    times, bands = np.meshgrid(np.arange(40.0), np.arange(9.0), indexing="ij")
    slopes = rng.normal(size=(3, 2))
    frames = slopes[:, :1, None] * times + slopes[:, 1:, None] * bands
    frames = jnp.where(mask[..., None], frames, 0).astype(jnp.float32)
    flags = WarpFlags(max_stretch=0.25, max_warp=0.2)
    found, real = map(np.asarray, warp(flags, jax.random.key(0), frames, mask))
    assert found.shape == (3, 50, 9) and real.shape == (3, 50)
    for b in range(2):
        new = int(real[b].sum())
        assert not found[b, new:].any() and abs(new / lengths[b] - 1) <= 0.27
        # What is linear stays linear, with other slopes, up to the ends.
        inner = found[b, : int(new * 0.9), :6]
        by_time = np.diff(inner, axis=0) / slopes[b, 0]
        by_band = np.diff(inner, axis=1) / slopes[b, 1]
        assert np.ptp(by_time) < 1e-3 and np.ptp(by_band) < 1e-3
        assert abs(1 / by_time[0, 0] - new / lengths[b]) < 0.03
        assert 1 / 1.21 < by_band[0, 0] < 1 / 0.79
    assert not real[2].any() and not found[2].any()


def test_nothing_is_distorted_without_flags():
    frames, mask = jnp.ones((2, 7, 3)), jnp.ones((2, 7), bool)
    found, real = warp(WarpFlags(), jax.random.key(0), frames, mask)
    np.testing.assert_array_equal(found, frames)
    np.testing.assert_array_equal(real, mask)

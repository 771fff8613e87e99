"""Griffin-Lim against scipy's transforms, and by what survives it."""

import io
import math

import numpy as np
import pytest
from scipy import signal
from scipy.io import wavfile
from scipy.optimize import nnls

from experiments.data import audio, griffin_lim
from experiments.data.audio_writing import wav_bytes

RATE, LENGTH, HOP, SIZE = 8000, 200, 80, 256
RNG = np.random.default_rng(0)


def noise(num_samples):
    return RNG.normal(0, 0.1, num_samples)


def test_spectra_are_those_of_scipy():
    samples = noise(LENGTH + 5 * HOP)
    found = griffin_lim.spectra(samples, SIZE, LENGTH, HOP)
    _, _, expected = signal.stft(
        samples,
        window=np.hanning(LENGTH),
        nperseg=LENGTH,
        noverlap=LENGTH - HOP,
        nfft=SIZE,
        boundary=None,
    )
    np.testing.assert_allclose(found.T, expected * np.hanning(LENGTH).sum(), atol=1e-12)


def test_a_sound_is_that_of_its_spectra():
    samples = noise(LENGTH + 7 * HOP)
    found = griffin_lim.spectra(samples, SIZE, LENGTH, HOP)
    sound = griffin_lim.sound_of_spectra(found, LENGTH, HOP)
    assert sound.shape == samples.shape
    np.testing.assert_allclose(sound[25:-25], samples[25:-25], atol=1e-12)


def test_spectra_of_no_sound_are_met_by_least_squares():
    length, hop, size = 12, 5, 16
    found = RNG.normal(size=(3, 9)) + 1j * RNG.normal(size=(3, 9))
    sound = griffin_lim.sound_of_spectra(found, length, hop)
    # All frames as one matrix that is applied to a sound, in the sense of the frames
    # before their transform.
    pieces = np.fft.irfft(found)[:, :length]
    matrix = np.zeros((3 * length, len(sound)))
    for frame in range(3):
        for n in range(length):
            matrix[frame * length + n, frame * hop + n] = np.hanning(length)[n]
    expected = np.linalg.lstsq(matrix, pieces.ravel(), rcond=None)[0]
    assert size == 2 * (found.shape[1] - 1)
    np.testing.assert_allclose(sound[2:-2], expected[2:-2], rtol=1e-9)


def test_phases_are_found():
    times = np.arange(LENGTH + 30 * HOP) / RATE
    samples = np.sin(2 * np.pi * (300 * times + 900 * times**2)) * np.exp(-2 * times)
    wanted = np.abs(griffin_lim.spectra(samples, SIZE, LENGTH, HOP))

    def error(**options):
        sound = griffin_lim.griffin_lim(wanted, LENGTH, HOP, **options)
        got = np.abs(griffin_lim.spectra(sound, SIZE, LENGTH, HOP))
        return np.linalg.norm(got - wanted) / np.linalg.norm(wanted)

    drawn = error(num_steps=0)
    assert drawn > 0.5
    assert error() < 0.1 * drawn
    assert error() < error(momentum=0)


def test_energies_of_frequencies_are_those_of_least_squares():
    filters = audio.mel_filters(6, 16, RATE)
    energies = RNG.uniform(0.1, 1, (4, 9))
    mels = energies @ filters.T
    found = griffin_lim.unmix_mels(mels, filters, num_steps=3000)
    assert (found >= 0).all()
    np.testing.assert_allclose(found @ filters.T, mels, rtol=1e-3)
    impossible = np.array([[1.0, 0, 0, 1, 0, 0]])
    residual = np.linalg.norm(
        griffin_lim.unmix_mels(impossible, filters, num_steps=3000) @ filters.T
        - impossible
    )
    assert residual == pytest.approx(nnls(filters, impossible[0])[1], rel=1e-2)


@pytest.mark.parametrize("frequency", [440.0, 1234.0])
def test_a_tone_survives(frequency):
    times = np.arange(4000) / RATE
    tone = 0.3 * np.sin(2 * math.pi * frequency * times)
    frames = audio.log_mel(tone, RATE, num_mels=40)
    sound = griffin_lim.sound_of_log_mel(frames, RATE)
    assert sound.dtype == np.float32 and len(sound) == 48 * HOP + LENGTH
    inner = sound[400:-400]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner))))
    found = spectrum.argmax() * RATE / len(inner)
    assert abs(found - frequency) < 0.04 * frequency  # a band is about as wide
    loudness = inner.std() / tone.std()
    assert 0.6 < loudness < 1.6
    again = audio.log_mel(sound, RATE, num_mels=40)[2:-2]
    strong = frames[2:-2] > frames.max() - 4
    assert np.abs(again - frames[2:-2])[strong].mean() < 0.5


def test_silence_is_silent():
    frames = audio.log_mel(np.zeros(1000), RATE)
    np.testing.assert_array_equal(griffin_lim.sound_of_log_mel(frames, RATE), 0)


@pytest.mark.parametrize("frames", [np.full((2, 5), np.nan), np.zeros((0, 5))])
def test_frames_that_have_no_sound(frames):
    with pytest.raises(ValueError, match="frames must be finite and at least one"):
        griffin_lim.sound_of_log_mel(frames, RATE)


def test_mu_law_loses_no_more_than_half_a_level():
    samples = RNG.uniform(-1, 1, 1000) ** 3
    back = audio.inverse_mu_law(audio.mu_law(samples)).astype(np.float64)
    # dx/dy = log(256) (1 + 255 |x|) / 255, and half a level is 1/255 of y.
    slope = math.log(256) * (1 + 255 * np.abs(samples)) / 255
    assert (np.abs(back - samples) <= slope / 255 * 1.03 + 1e-6).all()
    assert (np.abs(back - samples) > slope / 255 * 0.5).mean() > 0.3


def test_wav_files_hold_the_samples(tmp_path):
    samples = RNG.uniform(-1, 1, 300)
    path = tmp_path / "a.wav"
    path.write_bytes(wav_bytes(samples, 11_025))
    rate, found = wavfile.read(path)
    assert rate == 11_025 and found.dtype == np.int16
    np.testing.assert_allclose(found / 32767, samples, atol=0.51 / 32767)
    np.testing.assert_allclose(audio.read_wav(path, 11_025), samples, atol=1e-4)
    _, loud = wavfile.read(io.BytesIO(wav_bytes(4 * samples, 8000)))
    expected = samples / np.abs(samples).max()
    np.testing.assert_allclose(loud / 32767, expected, atol=0.51 / 32767)


@pytest.mark.parametrize("samples", [[], [0.0, np.inf], [[0.0, 1.0]]])
def test_samples_that_are_no_sound(samples):
    with pytest.raises(ValueError, match="samples must be one axis of finite numbers"):
        wav_bytes(np.array(samples), 8000)

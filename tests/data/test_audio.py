import cmath
import io
import math

import numpy as np
import pytest
from scipy.io import wavfile

from experiments.data import audio
from experiments.harness.errors import BadInput
from tests.data.mutations import mutations

RNG = np.random.default_rng(0)


def wav_bytes(samples, rate=8000):
    file = io.BytesIO()
    wavfile.write(file, rate, samples)
    return file.getvalue()


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "a.wav"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize(
    ("dtype", "scale", "offset"),
    [("u1", 127, 128), ("i2", 2**15 - 1, 0), ("i4", 2**31 - 1, 0), ("f4", 1, 0)],
)
def test_widths_and_channels(write, dtype, scale, offset):
    wave = RNG.uniform(-1, 1, (300, 2))
    samples = (wave * scale + offset).astype(dtype)
    read = audio.read_wav(write(wav_bytes(samples)), 8000)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read, wave.mean(axis=1), atol=0.02)


def test_another_rate_keeps_the_tone(write):
    times = np.arange(8000) / 8000
    tone = np.sin(2 * math.pi * 300 * times).astype(np.float32)
    read = audio.read_wav(write(wav_bytes(tone)), 11_025)
    expected = np.sin(2 * math.pi * 300 * np.arange(11_025) / 11_025)
    assert len(read) == 11_025
    np.testing.assert_allclose(read[200:-200], expected[200:-200], atol=2e-3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no sound", "must be a whole WAV file"),
        (b"", "must be a whole WAV file|must be a WAV file"),
        (wav_bytes(np.zeros(100, np.int16))[:-20], "must be a whole WAV file"),
        (wav_bytes(np.zeros(0, np.int16)), "must hold a sample, got none"),
        (
            wav_bytes(np.ones(9, np.int16), 10**6),
            "from 1,000 to 192,000, got 1,000,000",
        ),
        (wav_bytes(np.full(9, np.nan, np.float32)), "samples must be finite"),
    ],
)
def test_files_that_are_no_sound(write, content, message):
    with pytest.raises(BadInput, match=f"a.wav: .*({message})"):
        audio.read_wav(write(content), 8000)


def test_log_mel_of_the_definition():
    rate, length, hop, num_mels = 1000, 25, 10, 5
    samples = RNG.uniform(-1, 1, 62)
    found = audio.log_mel(samples, rate, num_mels=num_mels)
    assert found.shape == (5, num_mels)  # frames begin at 0, 10, ..., 40
    size = 32
    mel_of = lambda f: 2595 * math.log10(1 + f / 700)  # noqa: E731
    corners = [
        700 * (10 ** (mel_of(rate / 2) * i / (num_mels + 1) / 2595) - 1)
        for i in range(num_mels + 2)
    ]
    for frame in range(5):
        energies = np.zeros(num_mels)
        for k in range(size // 2 + 1):
            value = 0
            for n in range(length):
                at = frame * hop + n
                sample = samples[at] if at < len(samples) else 0
                window = 0.5 - 0.5 * math.cos(2 * math.pi * n / (length - 1))
                value += sample * window * cmath.exp(-2j * math.pi * k * n / size)
            frequency = k * rate / size
            for m in range(num_mels):
                low, peak, high = corners[m : m + 3]
                weight = min(
                    (frequency - low) / (peak - low), (high - frequency) / (high - peak)
                )
                energies[m] += max(0, weight) * abs(value) ** 2 / length
        expected = np.log(np.maximum(energies, audio.FLOOR))
        np.testing.assert_allclose(found[frame], expected, rtol=1e-5, atol=1e-5)


def test_deltas_are_slopes():
    slope = RNG.normal(size=3)
    line = np.arange(9)[:, None] * slope
    np.testing.assert_allclose(audio.deltas(line)[2:-2], np.tile(slope, (5, 1)))
    features = RNG.normal(size=(6, 2))
    edge = features[[0, 0, 0, 1, 2]]  # around frame 0
    expected = sum(n * (edge[2 + n] - edge[2 - n]) for n in (1, 2)) / 10
    np.testing.assert_allclose(audio.deltas(features)[0], expected)


@pytest.mark.parametrize("num_levels", [256, 512])
def test_mu_law_and_back(num_levels):
    levels = np.arange(num_levels)
    samples = audio.inverse_mu_law(levels, num_levels)
    np.testing.assert_array_equal(audio.mu_law(samples, num_levels), levels)
    assert samples[0] == -1 and samples[-1] == 1
    x = 0.01  # G.711's curve at μ = 255: log(1 + 2.55) / log(256) of the half range
    expected = round(127.5 + 127.5 * math.log(3.55) / math.log(256))
    assert audio.mu_law(np.array([x]))[0] == expected


@pytest.mark.parametrize("number", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_files_are_read_or_refused(write, number):
    content = wav_bytes(RNG.integers(-9, 9, 60).astype(np.int16))
    refused = 0
    for mutated in mutations(content, np.random.default_rng(3), number):
        try:
            assert np.isfinite(audio.read_wav(write(mutated), 8000)).all()
        except BadInput as error:
            refused += 1
            assert "a.wav" in str(error)
    assert 0 < refused < number

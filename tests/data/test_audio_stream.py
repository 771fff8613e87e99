"""Streams of audio against the whole signal."""

import numpy as np
import pytest

from experiments.data.audio import log_mel, resample
from experiments.data.audio_stream import LogMelStream, ResampledStream

RATE = 1000


def pieces(samples, rng, most):
    """Cuts a signal at random; some pieces are empty."""
    while len(samples):
        size = int(rng.integers(most))
        yield samples[:size]
        samples = samples[size:]


def through(stream, samples, rng, most):
    found = [stream.feed(piece) for piece in pieces(samples, rng, most)]
    return np.concatenate([*found, stream.finish()])


@pytest.mark.parametrize("most", [2, 30, 700])
@pytest.mark.parametrize("rates", [(8, 8), (8, 3), (3, 8), (44, 16), (16, 8)])
def test_the_rate_is_changed_as_that_of_the_whole(rates, most):
    rng = np.random.default_rng(0)
    for length in (0, 1, 7, 400, 401):
        samples = rng.normal(size=length).astype(np.float32)
        found = through(ResampledStream(*rates), samples, rng, most)
        whole = resample(samples, *rates) if length else samples
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, whole, atol=2e-6)


@pytest.mark.parametrize("most", [2, 30, 700])
def test_frames_are_those_of_the_whole(most):
    rng = np.random.default_rng(1)
    options = {"num_mels": 5, "hop_seconds": 0.010}
    for length in (1, 24, 25, 26, 34, 35, 36, 500, 501):
        samples = rng.normal(size=length).astype(np.float32)
        found = through(LogMelStream(RATE, **options), samples, rng, most)
        np.testing.assert_allclose(found, log_mel(samples, RATE, **options), atol=1e-5)


def test_nothing_has_no_frame():
    stream = LogMelStream(RATE, num_mels=5)
    assert stream.feed(np.zeros(0)).shape == stream.finish().shape == (0, 5)

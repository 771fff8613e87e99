"""Audio: WAV files, frames, log-mel features and mu-law."""

import functools
import io
import math
import warnings

import numpy as np
from scipy.io import wavfile

from experiments.data.lookup import AnyPath, read_bytes
from experiments.harness.errors import BadInput

RATES = (1000, 192_000)  # samples per second that a file may have
FLOOR = 1e-6  # of mel energies, for samples from -1 to 1


def read_wav(path: str | AnyPath, rate: int) -> np.ndarray:
    """Reads a WAV file of any rate, width and number of channels.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      rate: samples per second of the result; the file's are resampled if they differ.

    Returns:
      `[num_samples]` float32, the mean of the channels, full scale at ±1.

    Raises:
      BadInput: if the file is no WAV file, is cut short, holds no sample or one that
        is not finite, or has an unusual rate.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", wavfile.WavFileWarning)
            own_rate, samples = wavfile.read(io.BytesIO(read_bytes(path)))
    except (ValueError, wavfile.WavFileWarning, EOFError) as error:
        raise BadInput(f"the file must be a whole WAV file: {error}.", path) from None
    except Exception as error:  # what else broken headers make the reader raise
        message = f"the file must be a WAV file, got {type(error).__name__}: {error}."
        raise BadInput(message, path) from None
    if not samples.size:
        raise BadInput("the file must hold a sample, got none.", path)
    if not RATES[0] <= own_rate <= RATES[1]:
        raise BadInput(
            f"samples per second must be from {RATES[0]:,} to {RATES[1]:,}, "
            f"got {own_rate:,}.",
            path,
        )
    mono = _to_unit(samples)
    if not np.isfinite(mono).all():
        raise BadInput("samples must be finite.", path)
    return resample(mono, own_rate, rate)


def resample(samples: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Changes the rate of a signal by a polyphase filter.

    Args:
      samples: `[num_samples]`.
      rate: its samples per second.
      new_rate: those of the result.

    Returns:
      `[ceil(num_samples * new_rate / rate)]`, of the same dtype.
    """
    if rate == new_rate:
        return samples
    divisor = math.gcd(rate, new_rate)
    up, down = new_rate // divisor, rate // divisor
    from scipy import signal  # takes a second, which `--help` need not wait for

    return signal.resample_poly(samples, up, down).astype(samples.dtype)


def cut_frames(samples: np.ndarray, length: int, hop: int) -> np.ndarray:
    """Cuts a signal into overlapping frames; every sample is in one.

    Args:
      samples: `[num_samples]`, at least one.
      length: samples of a frame.
      hop: samples between the beginnings of two frames, at most `length`.

    Returns:
      `[num_frames, length]`; the last frame is filled up with zeros.

    Example:
      >>> cut_frames(np.arange(1, 6), length=3, hop=2)
      array([[1, 2, 3],
             [3, 4, 5]])
      >>> cut_frames(np.arange(1, 7), length=3, hop=2)[-1]
      array([5, 6, 0])
    """
    num_frames = 1 + max(0, -(-(len(samples) - length) // hop))
    padded = np.zeros((num_frames - 1) * hop + length, samples.dtype)
    padded[: len(samples)] = samples
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::hop]


def log_mel(
    samples: np.ndarray,
    rate: int,
    *,
    num_mels: int = 40,
    frame_seconds: float = 0.025,
    hop_seconds: float = 0.010,
) -> np.ndarray:
    """Computes the logarithm of the energies in bands that are equally wide in mel.

        Xₜ = |DFT(w ⊙ frameₜ)|² / length,  featureₜ = log max(M Xₜ, floor)

    w is Hann's window and M the triangular filters of `mel_filters`.

    Args:
      samples: `[num_samples]`, full scale at ±1, at least one.
      rate: samples per second.
      num_mels: number of bands.
      frame_seconds: length of a frame.
      hop_seconds: time between the beginnings of two frames.

    Returns:
      `[num_frames, num_mels]` float32, nats.
    """
    length, hop = round(frame_seconds * rate), round(hop_seconds * rate)
    frames = cut_frames(samples, length, hop) * np.hanning(length)
    size = 1 << (length - 1).bit_length()
    energies = np.abs(np.fft.rfft(frames, size)) ** 2 / length
    # Not by a product of matrices: the threads of one so small cost ten times its time.
    mels = np.einsum("tf,mf->tm", energies, mel_filters(num_mels, size, rate))
    return np.log(np.maximum(mels, FLOOR)).astype(np.float32)


@functools.cache
def mel_filters(num_mels: int, size: int, rate: int) -> np.ndarray:
    """Makes triangular filters whose corners are equally far apart in mel.

        mel(f) = 2595 log₁₀(1 + f / 700)

    Args:
      num_mels: number of filters, from 0 Hz to half the rate.
      size: number of points of the DFT.
      rate: samples per second.

    Returns:
      `[num_mels, size // 2 + 1]`, read-only and at most 1; neighbours add up to 1
      between their peaks.

    References:
      Young et al., "The HTK Book", 2006, section 5.4.
    """
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, num_mels + 2) / 2595) - 1)
    frequencies = np.arange(size // 2 + 1) * rate / size
    below, peak, above = (corners[i : i + num_mels, None] for i in range(3))
    rising = (frequencies - below) / (peak - below)
    falling = (above - frequencies) / (above - peak)
    filters = np.maximum(0, np.minimum(rising, falling))
    filters.setflags(write=False)  # every caller gets the same
    return filters


def deltas(features: np.ndarray, width: int = 2) -> np.ndarray:
    """Computes the slope of every feature by linear regression over neighbours.

        dₜ = Σₙ n (cₜ₊ₙ - cₜ₋ₙ) / (2 Σₙ n²),  n = 1 ... width

    Args:
      features: `[num_frames, size]`; beyond the ends the first and last are repeated.
      width: neighbours on each side.

    Returns:
      `[num_frames, size]`.

    References:
      Young et al., "The HTK Book", 2006, section 5.9.
    """
    padded = np.pad(features, ((width, width), (0, 0)), mode="edge")
    steps = np.arange(-width, width + 1)
    windows = np.lib.stride_tricks.sliding_window_view(padded, len(steps), axis=0)
    return (windows @ steps / (steps**2).sum()).astype(features.dtype)


def mu_law(samples: np.ndarray, num_levels: int = 256) -> np.ndarray:
    """Compresses samples from -1 to 1 to levels, finer near zero.

        y = sign(x) log(1 + μ|x|) / log(1 + μ),  μ = num_levels - 1

    Returns:
      Integers from 0 to `num_levels - 1`, of the samples' shape.

    References:
      ITU-T Recommendation G.711, 1988.
    """
    top = num_levels - 1
    clipped = np.clip(samples, -1, 1)
    y = np.sign(clipped) * np.log1p(top * np.abs(clipped)) / np.log1p(top)
    return np.rint((y + 1) / 2 * top).astype(np.int32)


def inverse_mu_law(levels: np.ndarray, num_levels: int = 256) -> np.ndarray:
    """Expands the levels of `mu_law` to float32 samples from -1 to 1."""
    top = num_levels - 1
    y = np.asarray(levels, np.float64) * 2 / top - 1
    x = np.sign(y) * np.expm1(np.abs(y) * np.log1p(top)) / top
    return x.astype(np.float32)


def _to_unit(samples: np.ndarray) -> np.ndarray:
    """Averages the channels of PCM or floating samples, full scale at ±1."""
    if samples.dtype == np.uint8:
        scaled = (samples.astype(np.float64) - 128) / 128
    elif np.issubdtype(samples.dtype, np.integer):
        scaled = samples / -float(np.iinfo(samples.dtype).min)
    else:
        scaled = samples.astype(np.float64)
    mono = scaled if scaled.ndim == 1 else scaled.mean(axis=1)
    return mono.astype(np.float32)

"""Sound as WAV files."""

import io

import numpy as np
from scipy.io import wavfile

FULL_SCALE = 32767


def wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """Makes a WAV file of 16 bits and one channel.

    A sound that is louder than full scale is made softer as a whole, rather than
    clipped; others are left as they are.

    Args:
      samples: `[num_samples]`, finite, full scale at ±1; at least one.
      rate: samples per second.

    Returns:
      The content of the file.

    Raises:
      ValueError: if the samples are not one axis of finite numbers, or there is none.
    """
    samples = np.asarray(samples, np.float64)
    if samples.ndim != 1 or not samples.size or not np.isfinite(samples).all():
        raise ValueError(
            "samples must be one axis of finite numbers, at least one, got shape "
            f"{samples.shape}."
        )
    loudest = max(1.0, float(np.abs(samples).max()))
    file = io.BytesIO()
    wavfile.write(file, rate, np.rint(samples / loudest * FULL_SCALE).astype(np.int16))
    return file.getvalue()

"""Audio that arrives in chunks of any size: its rate changed, its frames computed."""

import math

import numpy as np

from experiments.data.audio import log_mel, resample

TAPS = 10  # of the filter of `resample`, on each side, at the lower rate


class ResampledStream:
    """Changes the rate of a stream, as `resample` does of a whole signal.

    Args:
      rate: samples per second that arrive.
      new_rate: those that are returned.

    Example:
      >>> stream = ResampledStream(8000, 4000)
      >>> len(stream.feed(np.zeros(100))), len(stream.finish())
      (40, 10)
    """

    def __init__(self, rate: int, new_rate: int):
        divisor = math.gcd(rate, new_rate)
        self._up, self._down = new_rate // divisor, rate // divisor
        # In units of `down`, so that every piece begins where an output does.
        reach = TAPS * max(self._up, self._down) / self._up
        self._context = math.ceil(reach / self._down) * self._down
        self._waiting = np.zeros(0, np.float32)
        self._before = 0  # of what waits, the samples whose outputs were returned

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Takes the next samples; returns what does not depend on later ones."""
        if self._up == self._down:
            return samples
        self._waiting = np.concatenate([self._waiting, samples.astype(np.float32)])
        end = (len(self._waiting) - self._context) // self._down * self._down
        if end <= self._before:
            return np.zeros(0, np.float32)
        found = self._resampled()[: end * self._up // self._down]
        begin = self._before * self._up // self._down
        dropped = max(end - self._context, 0)
        self._waiting, self._before = self._waiting[dropped:], end - dropped
        return found[begin:]

    def finish(self) -> np.ndarray:
        """Returns the rest."""
        if self._up == self._down or len(self._waiting) == self._before:
            return np.zeros(0, np.float32)
        return self._resampled()[self._before * self._up // self._down :]

    def _resampled(self) -> np.ndarray:
        return resample(self._waiting, self._down, self._up)


class LogMelStream:
    """Computes the log-mel frames of a stream, equal to those of the whole signal.

    Args:
      rate: samples per second.
      num_mels: number of bands.
      frame_seconds: length of a frame.
      hop_seconds: time between the beginnings of two frames.
    """

    def __init__(
        self,
        rate: int,
        *,
        num_mels: int = 40,
        frame_seconds: float = 0.025,
        hop_seconds: float = 0.010,
    ):
        self._rate = rate
        self._options = {
            "num_mels": num_mels,
            "frame_seconds": frame_seconds,
            "hop_seconds": hop_seconds,
        }
        self._length, self._hop = (
            round(seconds * rate) for seconds in (frame_seconds, hop_seconds)
        )
        self._waiting = np.zeros(0, np.float32)
        self._begun = False

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Takes the next samples; returns the frames that are complete by them."""
        self._waiting = np.concatenate([self._waiting, samples.astype(np.float32)])
        number = (len(self._waiting) - self._length) // self._hop + 1
        if number < 1:
            return np.zeros((0, self._options["num_mels"]), np.float32)
        self._begun = True
        used = self._waiting[: (number - 1) * self._hop + self._length]
        self._waiting = self._waiting[number * self._hop :]
        return log_mel(used, self._rate, **self._options)

    def finish(self) -> np.ndarray:
        """Returns the frame of the samples that are in none yet, if there are any."""
        in_frames = self._length - self._hop if self._begun else 0
        if len(self._waiting) <= in_frames:
            return np.zeros((0, self._options["num_mels"]), np.float32)
        return log_mel(self._waiting, self._rate, **self._options)

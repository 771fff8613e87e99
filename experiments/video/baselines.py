"""Forecasts without a network, and the probabilities that they deserve."""

from collections.abc import Callable

import numpy as np

NUM_LEVELS = 16  # of grey that are told apart
Guess = Callable[[np.ndarray, int], np.ndarray]


def repeat_last(inputs: np.ndarray, horizon: int) -> np.ndarray:
    """Repeats the last frame.

    Args:
      inputs: `[N, T, height, width]` uint8.
      horizon: number of frames to guess.

    Returns:
      `[N, horizon, height, width]` uint8.
    """
    return np.repeat(inputs[:, -1:], horizon, axis=1)


def shift_on(inputs: np.ndarray, horizon: int, farthest: int = 2) -> np.ndarray:
    """Moves the last frame on, as the whole frame best matches the one before it.

    Args:
      inputs: `[N, T, height, width]` uint8, at least two frames.
      horizon: number of frames to guess.
      farthest: pixels per frame, at most, along each axis.

    Returns:
      `[N, horizon, height, width]` uint8; what moves in is black.
    """
    before, last = inputs[:, -2].astype(np.int32), inputs[:, -1].astype(np.int32)
    steps = range(-farthest, farthest + 1)
    shifts = sorted(
        ((v, w) for v in steps for w in steps), key=lambda s: (abs(s[0]) + abs(s[1]), s)
    )
    errors = [np.abs(_shifted(before, s) - last).sum(axis=(1, 2)) for s in shifts]
    best = np.argmin(errors, axis=0)  # the shortest of equal ones
    guesses = np.empty((len(inputs), horizon, *inputs.shape[2:]), np.uint8)
    for place, (down, right) in enumerate(shifts):
        chosen = best == place
        for k in range(horizon):
            moved = _shifted(inputs[chosen, -1], ((k + 1) * down, (k + 1) * right))
            guesses[chosen, k] = moved
    return guesses


def _shifted(frames: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    """Moves frames `[N, height, width]` down and right."""
    moved = np.zeros_like(frames)
    source, target = [slice(None)], [slice(None)]
    for by, size in zip(shift, frames.shape[1:]):
        by = max(-size, min(size, by))
        source.append(slice(max(0, -by), size - max(0, by)))
        target.append(slice(max(0, by), size - max(0, -by)))
    moved[tuple(target)] = frames[tuple(source)]
    return moved


class Calibrated:
    """A guess of frames with the probabilities that it deserves.

        P(pixel is on in frame k | its guess) = mean of the pixel in frame k, over all
        pixels of the training part with that guess, a pixel more on and one more off

    Guesses are told apart by 16 levels of grey.

    Attributes:
      table: `[NUM_LEVELS, horizon]`, probabilities.

    Args:
      guess: from frames to the guessed ones.
      inputs: `[N, T, height, width]` uint8, of the training part.
      targets: `[N, horizon, height, width]` uint8, the frames that follow.
    """

    def __init__(self, guess: Guess, inputs: np.ndarray, targets: np.ndarray):
        self._guess = guess
        horizon = targets.shape[1]
        levels = _levels(guess(inputs, horizon))
        self.table = np.empty((NUM_LEVELS, horizon))
        for k in range(horizon):
            of_pixel = levels[:, k].ravel()
            on = np.bincount(of_pixel, targets[:, k].ravel() / 255, NUM_LEVELS)
            self.table[:, k] = (on + 1) / (np.bincount(of_pixel, None, NUM_LEVELS) + 2)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Returns the probabilities `[N, horizon, height, width]`, float64."""
        horizon = self.table.shape[1]
        levels = _levels(self._guess(inputs, horizon))
        return self.table[levels, np.arange(horizon)[:, None, None]]


def _levels(frames: np.ndarray) -> np.ndarray:
    return frames // (256 // NUM_LEVELS)


def nearest_mean(
    inputs: np.ndarray, labels: np.ndarray, others: np.ndarray
) -> np.ndarray:
    """Names the label whose mean frame is nearest to that of each clip.

    It does not see the order of the frames.

    Args:
      inputs: `[N, height, width]`, the mean over the frames of each training clip.
      labels: `[N]` integers, the label of each.
      others: `[M, height, width]`, the means of the clips to name.

    Returns:
      `[M]` integers.
    """
    known = np.unique(labels)
    means = np.stack([inputs[labels == label].mean(axis=0) for label in known])
    centers, points = (
        x.reshape(len(x), -1).astype(np.float64) for x in (means, others)
    )
    distances = (centers**2).sum(axis=1) - 2 * points @ centers.T
    return known[distances.argmin(axis=1)]

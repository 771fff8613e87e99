"""Clips of digits that move in straight lines and bounce off the edges."""

from typing import NamedTuple

import numpy as np

from experiments.data.images import NUM_DIGITS

SIZE = 32  # of the square frames
SPEED = 2  # pixels per frame along an axis
DIRECTIONS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
LABELS = tuple(f"{digit} {name}" for digit in range(NUM_DIGITS) for name in DIRECTIONS)


class Digits(NamedTuple):
    """Images of digits.

    Attributes:
      images: `[N, height, width]` bool.
      labels: `[N]` integers, the digit of each.
    """

    images: np.ndarray
    labels: np.ndarray


class Moving(NamedTuple):
    """Clips of moving digits.

    Attributes:
      frames: `[num_clips, num_frames, SIZE, SIZE]` uint8, 0 or 255.
      labels: `[num_clips]` int32, places in `LABELS`.
    """

    frames: np.ndarray
    labels: np.ndarray


def moving_digits(
    digits: Digits,
    num_clips: int,
    num_frames: int,
    num_digits: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws clips of digits to be forecast.

    Each moves two pixels per frame up or down, left or right, or both. Where digits are
    told apart, two frames say how they move, and the frames after them are certain.

    Args:
      digits: the digits to draw from.
      num_clips: number of clips.
      num_frames: frames of each.
      num_digits: digits in each clip.
      rng: the source of randomness.

    Returns:
      `[num_clips, num_frames, SIZE, SIZE]` uint8, 0 or 255; a pixel is on where any
      digit is.

    References:
      Srivastava, Mansimov and Salakhutdinov, "Unsupervised Learning of Video
      Representations using LSTMs", ICML 2015, section 3: two digits, frames of 64 by
      64, one speed in all directions.
    """
    frames = np.zeros((num_clips, num_frames, SIZE, SIZE), bool)
    signs = [-1, 0, 1]
    velocities = SPEED * np.array([(v, w) for v in signs for w in signs if v or w])
    for _ in range(num_digits):
        chosen = rng.integers(len(digits.images), size=num_clips)
        velocity = velocities[rng.integers(len(velocities), size=num_clips)]
        _draw(frames, digits.images[chosen], velocity, rng)
    return frames.astype(np.uint8) * 255


def labelled_digits(
    digits: Digits, num_clips: int, num_frames: int, rng: np.random.Generator
) -> Moving:
    """Draws clips of one digit that first moves up, down, left or right.

    The label is the digit and the direction, such as "3 left". The direction is told
    by the order of the frames alone.

    Args:
      digits: the digits to draw from.
      num_clips: number of clips.
      num_frames: frames of each, at least two.
      rng: the source of randomness.

    Returns:
      The clips.
    """
    frames = np.zeros((num_clips, num_frames, SIZE, SIZE), bool)
    chosen = rng.integers(len(digits.images), size=num_clips)
    direction = rng.integers(len(DIRECTIONS), size=num_clips)
    speed = rng.integers(1, SPEED + 1, size=num_clips)
    velocity = np.array(list(DIRECTIONS.values()))[direction] * speed[:, None]
    _draw(frames, digits.images[chosen], velocity, rng)
    labels = digits.labels[chosen] * len(DIRECTIONS) + direction
    return Moving(frames.astype(np.uint8) * 255, labels.astype(np.int32))


def _draw(frames, images, velocity, rng) -> None:
    """Draws one digit into each clip, in place."""
    num_frames, (height, width) = frames.shape[1], images.shape[1:]
    rows, columns = (
        _bounce(SIZE - size, speed, num_frames, rng)[:, :, None, None]
        for size, speed in zip((height, width), velocity.T)
    )
    clips = np.arange(len(frames))[:, None, None, None]
    times = np.arange(num_frames)[:, None, None]
    down, right = np.arange(height)[:, None], np.arange(width)
    frames[clips, times, rows + down, columns + right] |= images[:, None]


def _bounce(end: int, velocity: np.ndarray, num_frames: int, rng) -> np.ndarray:
    """Moves points between 0 and `end`; returns `[num_clips, num_frames]` positions.

    The first step is never cut short: a point starts where it can make it whole.
    """
    lowest, highest = np.maximum(-velocity, 0), end - np.maximum(velocity, 0)
    start = rng.integers(lowest, highest + 1)
    unfolded = (start[:, None] + velocity[:, None] * np.arange(num_frames)) % (2 * end)
    return np.minimum(unfolded, 2 * end - unfolded)

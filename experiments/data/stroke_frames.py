"""Strokes as the frames that a recognizer reads."""

from collections.abc import Sequence

import numpy as np

from experiments.data.stroke_style import normalize
from experiments.data.strokes import resample, to_offsets

NUM_CHANNELS = 4
MOST_WAY = 12  # from point to point, in times the distance of points in a stroke


def frames_of(
    strokes: Sequence[np.ndarray], *, spacing: float, unit_size: bool, deslant: bool
) -> np.ndarray:
    """Turns strokes into frames, whose points are at equal distances in every stroke.

    Args:
      strokes: those of one drawing.
      spacing: distance of two points at most, in the unit of the coordinates, which is
        the height of the writing with `unit_size`.
      unit_size: whether to take the size out.
      deslant: whether to take the slant out.

    Returns:
      `[num_points, 4]` float32: the way to the right and down from the point before,
      whether the pen is lifted after the point, and the height above the middle. Ways
      are cut off at 12 times the spacing.

    Raises:
      ValueError: if the strokes have no height and are to be scaled.
    """
    normal = normalize(strokes, slant=deslant, size=unit_size)
    normal = resample(normal, spacing)
    points = np.concatenate(normal)
    heights = np.median(points[:, 1]) - points[:, 1:]
    offsets = to_offsets(normal)
    # The way to the next stroke, such as back to the dot of an i, may be very long.
    most = MOST_WAY * spacing
    offsets[:, :2] = np.clip(offsets[:, :2], -most, most)
    return np.concatenate([offsets, heights], axis=1).astype(np.float32)

"""Strokes of a pen: as points, as offsets with ends of strokes, at other spacings.

Coordinates are those of a screen: x grows to the right, y downwards.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.harness.errors import BadInput

MOST = 1e9  # of a coordinate, so that nothing overflows in float32


class Drawing(NamedTuple):
    """What a pen drew.

    Attributes:
      strokes: `[num_points, 2]` float64 each, the points (x, y) from pen down to pen
        up; a dot is a stroke of one point.
      text: what was written, None if unknown.
      group: drawings of one group belong to the same part of the data: those of one
        text, of one form, of one writer.
    """

    strokes: list[np.ndarray]
    text: str | None
    group: str


def checked_strokes(
    strokes: Sequence[Any], path: Any = None, line: int | None = None
) -> list[np.ndarray]:
    """Checks the strokes of a drawing that was read.

    Args:
      strokes: the points (x, y) of each stroke, as numbers.
      path: the file, for errors.
      line: its line, for errors.

    Returns:
      The strokes as arrays.

    Raises:
      BadInput: if there is no stroke, one has no point, there is but one point in all,
        or a coordinate is not finite or beyond ±1e9.
    """
    if not len(strokes):
        raise BadInput("a drawing must have a stroke, got none.", path, line)
    arrays = []
    for number, stroke in enumerate(strokes, 1):
        if not len(stroke):
            raise BadInput(f"stroke {number} must have points, got none.", path, line)
        points = np.asarray(stroke, np.float64)
        bad = points[~(np.abs(points) <= MOST)]
        if bad.size:
            raise BadInput(
                f"coordinates must be finite and within ±1e9, got {bad[0]} in stroke "
                f"{number}.",
                path,
                line,
            )
        arrays.append(points)
    if sum(map(len, arrays)) < 2:
        raise BadInput("a drawing must have two points, got one.", path, line)
    return arrays


def to_offsets(strokes: Sequence[np.ndarray]) -> np.ndarray:
    """Turns strokes into offsets.

    Returns:
      `[num_points, 3]` float64: the way from the point before, zeros for the first
      point, and 1 where the pen is lifted after the point, else 0.

    Example:
      >>> to_offsets([np.array([[5, 5], [6, 7]]), np.array([[9, 7]])])
      array([[0., 0., 0.],
             [1., 2., 1.],
             [3., 0., 1.]])
    """
    points = np.concatenate(strokes).astype(np.float64)
    ends = np.cumsum([len(stroke) for stroke in strokes]) - 1
    offsets = np.zeros((len(points), 3))
    offsets[1:, :2] = np.diff(points, axis=0)
    offsets[ends, 2] = 1
    return offsets


def from_offsets(offsets: np.ndarray) -> list[np.ndarray]:
    """Turns offsets into strokes, which begin at the first offset.

    Args:
      offsets: `[num_points, 3]`, see `to_offsets`; the last stroke need not end.

    Example:
      >>> strokes = from_offsets(np.array([[0, 0, 0], [1, 2, 1], [3, 0, 1]]))
      >>> [stroke.tolist() for stroke in strokes]
      [[[0.0, 0.0], [1.0, 2.0]], [[4.0, 2.0]]]
    """
    offsets = np.asarray(offsets, np.float64)
    points = np.cumsum(offsets[:, :2], axis=0)
    ends = np.flatnonzero(offsets[:, 2] > 0.5) + 1
    return [stroke for stroke in np.split(points, ends) if len(stroke)]


def resample(strokes: Sequence[np.ndarray], spacing: float) -> list[np.ndarray]:
    """Places points at equal distances along every stroke, its ends included.

    Offsets of equal lengths lie on a circle, where a density is unbounded: add jitter,
    or use `thin`, where a density is to be learned.

    Args:
      strokes: the strokes.
      spacing: distance of the points at most, in the unit of the coordinates.

    Returns:
      The strokes; a dot stays one, and so does a stroke without length.

    Raises:
      ValueError: if `spacing` is not positive.
    """
    if not spacing > 0:
        raise ValueError(f"spacing must be positive, got {spacing}.")
    points = np.concatenate(strokes).astype(np.float64)
    sizes = np.array(list(map(len, strokes)))
    last = np.cumsum(sizes) - 1
    steps = np.hypot(*np.diff(points, axis=0).T)
    steps[last[:-1]] = spacing  # between strokes any way would do but none
    places = np.concatenate([[0.0], np.cumsum(steps)])
    starts = places[last - sizes + 1]
    ways = places[last] - starts
    numbers = np.where(ways > 0, np.ceil(ways / spacing).astype(int) + 1, 1)
    after = np.cumsum(numbers)
    stroke = np.repeat(np.arange(len(sizes)), numbers)
    share = np.arange(after[-1]) - (after - numbers)[stroke]
    share = share / np.maximum(numbers - 1, 1)[stroke]
    wanted = starts[stroke] + share * ways[stroke]
    columns = [np.interp(wanted, places, column) for column in points.T]
    found = np.stack(columns, axis=1)
    found[after - 1] = np.where(ways[:, None] > 0, points[last], found[after - 1])
    return np.split(found, after[:-1])


def thin(strokes: Sequence[np.ndarray], every: int) -> list[np.ndarray]:
    """Keeps every n-th point of each stroke, and its last.

    Raises:
      ValueError: if `every` is not positive.

    Example:
      >>> thin([np.array([[0, 0], [1, 0], [2, 1], [3, 1]])], 2)[0].tolist()
      [[0, 0], [2, 1], [3, 1]]
    """
    if every < 1:
        raise ValueError(f"every must be positive, got {every}.")
    thinned = []
    for stroke in strokes:
        kept = [*range(0, len(stroke) - 1, every), len(stroke) - 1]
        thinned.append(stroke[kept])
    return thinned


def join(drawings: Sequence[Drawing], gap: float) -> Drawing:
    """Joins drawings of words to one of a line.

    Heights are kept as they are: words must share a base line.

    Args:
      drawings: the words, in their order.
      gap: from the right edge of a word to the left edge of the next.

    Returns:
      The line; its texts are separated by blanks, and its group is its text.
    """
    strokes, right = [], 0.0
    for drawing in drawings:
        points = np.concatenate(drawing.strokes)
        shift = np.array([right - points[:, 0].min(), 0.0])
        strokes += [stroke + shift for stroke in drawing.strokes]
        right += np.ptp(points[:, 0]) + gap
    known = all(drawing.text is not None for drawing in drawings)
    text = " ".join(str(drawing.text) for drawing in drawings)
    return Drawing(strokes, text if known else None, text)


def named(path: Any) -> str:
    """Returns the name of a file or of a place in a zip file, for groups."""
    return Path(str(path)).name

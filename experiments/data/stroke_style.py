"""The slant and the size of handwriting: measured, and taken out on request.

Taking them out line by line makes recognition easier. Where a style is to be learned or
kept, scale all lines alike instead.
"""

from collections.abc import Sequence

import numpy as np

NUM_ROUNDS = 5


def slant_of(strokes: Sequence[np.ndarray]) -> float:
    """Measures how far writing leans to the right.

    It is the mean of the way to the right per way up, over segments that go more up or
    down than aside once that lean is taken out, each weighted by its height.

    Returns:
      The tangent of the angle to the vertical; 0 if no segment goes up or down.

    Example:
      >>> upright = np.array([[0.0, 0.0], [0.0, 9.0], [4.0, 9.0]])
      >>> round(slant_of([lean([upright], 0.3)[0]]), 6)
      0.3
    """
    steps = np.concatenate([np.diff(stroke, axis=0) for stroke in strokes])
    right, up = steps[:, 0], -steps[:, 1]
    slant = 0.0
    for _ in range(NUM_ROUNDS):
        is_upright = np.abs(up) > np.abs(right - slant * up)
        height = np.abs(up[is_upright]).sum()
        if height == 0:
            return slant
        slant = float((right * np.sign(up))[is_upright].sum() / height)
    return slant


def lean(strokes: Sequence[np.ndarray], slant: float) -> list[np.ndarray]:
    """Makes strokes lean to the right, by `slant` times their way up from y = 0."""
    return [
        np.stack([stroke[:, 0] - slant * stroke[:, 1], stroke[:, 1]], axis=1)
        for stroke in strokes
    ]


def size_of(strokes: Sequence[np.ndarray]) -> float:
    """Measures the size of writing: the mean height of its strokes.

    A stroke's height is that of the box around it, and its weight in the mean is its
    height too, so dots and bars count little. It does not depend on the slant, nor on
    whether the line climbs.
    """
    heights = np.array([np.ptp(stroke[:, 1]) for stroke in strokes])
    total = heights.sum()
    return float((heights**2).sum() / total) if total else 0.0


def normalize(
    strokes: Sequence[np.ndarray], *, slant: bool, size: bool
) -> list[np.ndarray]:
    """Takes the slant and the size out of a drawing.

    Args:
      strokes: the strokes of one drawing.
      slant: whether to make it upright, see `slant_of`.
      size: whether to scale it to a size of 1, see `size_of`.

    Returns:
      The strokes.

    Raises:
      ValueError: if it is to be scaled and has no height.
    """
    strokes = list(strokes)
    if slant:
        strokes = lean(strokes, -slant_of(strokes))
    if size:
        height = size_of(strokes)
        if height == 0:
            raise ValueError("strokes must have a height to be scaled, got none.")
        strokes = [stroke / height for stroke in strokes]
    return strokes

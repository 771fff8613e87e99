"""Polygons: their area, and whether their sides cross."""

import numpy as np


def area(polygon: np.ndarray) -> float:
    """Computes the area of a polygon, negative if it runs clockwise.

        A = Σᵢ (xᵢ yᵢ₊₁ - xᵢ₊₁ yᵢ) / 2

    Args:
      polygon: `[n, 2]`, its corners.

    Example:
      >>> area(np.array([[0, 0], [2, 0], [2, 1], [0, 1]]))
      2.0
    """
    x, y = np.asarray(polygon, np.float64).T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def is_simple(polygon: np.ndarray) -> bool:
    """Tells whether a polygon has three corners or more and no sides that meet.

    Neighbouring sides meet in their corner alone.

    Args:
      polygon: `[n, 2]`, its corners.

    Example:
      >>> is_simple(np.array([[0, 0], [1, 1], [1, 0], [0, 1]]))
      False
    """
    corners = np.asarray(polygon, np.float64)
    num_corners = len(corners)
    if num_corners < 3 or len(np.unique(corners, axis=0)) < num_corners:
        return False
    ends = np.roll(corners, -1, axis=0)
    i, j = np.triu_indices(num_corners, k=1)
    are_apart = (j - i > 1) & (j - i < num_corners - 1)
    pairs = i[are_apart], j[are_apart]
    if _meet(corners, ends, *pairs).any():
        return False
    return not _fold_back(corners, ends).any()


def _meet(corners, ends, i, j):
    """Tells whether sides i and j have a point in common."""
    a, b, c, d = corners[i], ends[i], corners[j], ends[j]
    of_c, of_d = _turn(a, b, c), _turn(a, b, d)
    of_a, of_b = _turn(c, d, a), _turn(c, d, b)
    cross = (of_c * of_d < 0) & (of_a * of_b < 0)
    touch = (
        (of_c == 0) & _between(a, b, c)
        | (of_d == 0) & _between(a, b, d)
        | (of_a == 0) & _between(c, d, a)
        | (of_b == 0) & _between(c, d, b)
    )
    return cross | touch


def _fold_back(corners, ends):
    """Tells whether the side after each one leads back over it."""
    after = np.roll(ends, -1, axis=0)
    back = ((ends - corners) * (after - ends)).sum(axis=1) < 0
    return (_turn(corners, ends, after) == 0) & back


def _turn(a, b, c):
    u, v = b - a, c - a
    return np.sign(u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0])


def _between(a, b, c):
    """Tells whether c, on the line through a and b, lies between them."""
    return ((c >= np.minimum(a, b)) & (c <= np.maximum(a, b))).all(axis=-1)

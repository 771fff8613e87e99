"""Made sets: numbers to be sorted, and points with their convex hulls."""

from collections.abc import Callable

import numpy as np

from experiments.data.orders import Ordered

WIDTHS = {"sort": 1, "hull": 2}  # numbers per element


def draw_sets(task: str, rng: np.random.Generator, sizes: np.ndarray) -> list[Ordered]:
    """Draws sets of elements in the unit interval or square, with their orders.

    Args:
      task: sort or hull.
      rng: the source of randomness.
      sizes: `[num_sets]`, elements of each set.

    Returns:
      The sets: numbers from the least on, or the corners of the convex hull,
      anticlockwise from the leftmost.
    """
    found: list[Ordered | None] = [None] * len(sizes)
    for size in np.unique(sizes):
        (indices,) = np.nonzero(sizes == size)
        elements = rng.random((len(indices), size, WIDTHS[task]), np.float32)
        orders = ORDERS[task](elements)
        for index, own, order in zip(indices, elements, orders):
            found[index] = Ordered(own, order)
    return found  # type: ignore[return-value]


def ascending(elements: np.ndarray) -> list[tuple[int, ...]]:
    """Returns the order of numbers `[num_sets, n, 1]` of each set, the least first."""
    order = np.argsort(elements[..., 0], axis=1, kind="stable")
    return list(map(tuple, order.tolist()))


def hulls(points: np.ndarray) -> list[tuple[int, ...]]:
    """Finds the corners of the convex hull of the points of each set.

    All sets walk around their hulls at once: from each corner to the point that has all
    others on its left.

    Args:
      points: `[num_sets, n, 2]`, no two points of a set equal.

    Returns:
      The indices of the corners of each set, anticlockwise from the leftmost, the lower
      one of two.

    References:
      Jarvis, "On the identification of the convex hull of a finite set of points in the
      plane", Information Processing Letters 1973.

    Example:
      >>> hulls(np.array([[[0.5, 0.5], [1, 0], [0, 0], [1, 1], [0, 1]]]))
      [(2, 1, 3, 4)]
    """
    points = points.astype(np.float64)
    rows, num_points = np.arange(len(points)), points.shape[1]
    start = np.lexsort((points[..., 1], points[..., 0]), axis=-1)[:, 0]
    corners, current = [start], start
    for _ in range(num_points - 1):
        steps = points - points[rows, current][:, None]
        x, y = steps[..., 0], steps[..., 1]
        turns = x[:, :, None] * y[:, None] - y[:, :, None] * x[:, None]
        has_all_on_its_left = (turns >= 0).all(axis=2)
        # Of several on one line the farthest is the corner.
        distances = np.where(has_all_on_its_left, x**2 + y**2, -1)
        current = distances.argmax(axis=1)
        corners.append(current)
    walks = np.stack(corners, axis=1).tolist()
    return [_first_round(walk) for walk in walks]


def _first_round(walk: list[int]) -> tuple[int, ...]:
    rest = walk[1:]
    return tuple(walk[: rest.index(walk[0]) + 1] if walk[0] in rest else walk)


ORDERS: dict[str, Callable[[np.ndarray], list[tuple[int, ...]]]] = {
    "sort": ascending,
    "hull": hulls,
}

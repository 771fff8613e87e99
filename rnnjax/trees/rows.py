"""Assigns the nodes of trees to levels, rows and places in a row."""

from collections.abc import Sequence

import numpy as np


def check_parents(name: str, parents: np.ndarray) -> np.ndarray:
    """Checks one tree.

    Args:
      name: the argument's name, for the message.
      parents: the parent of every node, -1 for the root.

    Returns:
      How far each node is from the root.

    Raises:
      ValueError: if parents are not whole numbers, or not nodes; if there is no node,
        or not one root; if there is a cycle.
    """
    if parents.ndim != 1 or not parents.size or parents.dtype.kind not in "iu":
        raise ValueError(
            f"{name} must be whole numbers, one per node, got {parents.tolist()!r}."
        )
    wrong = np.flatnonzero((parents < -1) | (parents >= len(parents)))
    if wrong.size:
        raise ValueError(
            f"{name} must be nodes from 0 to {len(parents) - 1}, or -1 for the root, "
            f"got {parents[wrong[0]]} at node {wrong[0]}."
        )
    roots = np.flatnonzero(parents < 0)
    if len(roots) > 1:
        raise ValueError(
            f"{name} must have one root, got {len(roots)}: nodes {roots.tolist()}."
        )
    depths = np.where(parents < 0, 0, -1)
    for depth in range(len(parents)):
        depths[(parents >= 0) & (depths[parents] == depth)] = depth + 1
    if depths.min() < 0:
        cycle = " -> ".join(map(str, _cycle(parents, int(depths.argmin()))))
        raise ValueError(f"{name} must have no cycle, got {cycle}.")
    return depths


def _cycle(parents, node):
    """Follows the parents of a node that is not below a root, once around."""
    path = []
    while node not in path:
        path.append(node)
        node = int(parents[node])
    return [*path[path.index(node) :], node]


def choose_first_rows(levels: Sequence[np.ndarray], num_rows: int) -> np.ndarray:
    """Chooses the row where each tree begins so that rows are filled evenly.

    Args:
      levels: for each tree the level of every inner node; 0 for the deepest.
      num_rows: number of rows available; more are used if the tallest tree needs them.

    Returns:
      The first row of each tree.
    """
    counts = [np.bincount(own, minlength=1) for own in levels]
    num_levels = max(map(len, counts))
    # The choice is greedy, so it may be worse with more rows: compare with the least.
    spare = max(num_levels, num_rows)
    choices = [_fill_rows(counts, rows) for rows in (num_levels, spare)]
    return min(choices, key=lambda choice: choice[1].max())[0]


def _fill_rows(counts, num_rows):
    """Returns the first rows, and how many nodes each row then holds.

    Trees are placed from the tallest to the lowest, each where the fullest of its rows
    holds the fewest nodes.
    """
    filled = np.zeros(num_rows, int)
    first_rows = np.zeros(len(counts), int)
    for t in sorted(range(len(counts)), key=lambda t: -len(counts[t])):
        own = counts[t]
        windows = np.lib.stride_tricks.sliding_window_view(filled, len(own))
        first_rows[t] = (windows + own).max(axis=1).argmin()
        filled[first_rows[t] :][: len(own)] += own
    return first_rows, filled


def rank(groups: np.ndarray) -> np.ndarray:
    """Counts for every element the earlier ones of the same group.

    Example:
      >>> rank(jnp.array([7, 2, 7, 7, 2]))
      array([0, 0, 1, 2, 1])
    """
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    ranks = np.empty(len(groups), int)
    ranks[order] = np.arange(len(groups)) - np.searchsorted(ordered, ordered)
    return ranks

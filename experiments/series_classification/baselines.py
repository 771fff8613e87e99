"""Baselines without a network: the most frequent class, and a linear classifier."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.series_classification.batches import Encoded

PENALTIES = (1e-3, 1e-1, 1e1, 1e3)
NEIGHBOURS = 7  # steps on each side that label a step


def most_frequent(train: Encoded) -> int:
    """Returns the most frequent class, the first among equals."""
    counts = Counter(np.concatenate(train.targets).tolist())
    return min(counts, key=lambda label: (-counts[label], label))


class Linear(NamedTuple):
    """A classifier by least squares: of each class the score is x·w + b, near 1 or 0.

    A series with one label is described by the mean and the standard deviation of each
    channel, a step by the channels of itself and of seven neighbours on each side.

    Attributes:
      weights: `[size + 1, num_classes]`, b last.
      by_step: whether steps are classified.
    """

    weights: np.ndarray
    by_step: bool

    def predict(self, values: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the classes of series, `[length]` of each, or `[1]`."""
        return [
            (describe(one, self.by_step) @ self.weights).argmax(axis=1)
            for one in values
        ]


def describe(values: np.ndarray, by_step: bool) -> np.ndarray:
    """Returns what the linear classifier reads of a series, and a 1 for b.

    Args:
      values: `[length, num_channels]`.
      by_step: whether steps are classified.

    Returns:
      `[length, 15 * num_channels + 1]` by steps, beyond the ends zeros; otherwise
      `[1, 2 * num_channels + 1]`.
    """
    if not by_step:
        row = np.concatenate([values.mean(axis=0), values.std(axis=0), [1]])
        return row[None]
    padded = np.pad(values, ((NEIGHBOURS, NEIGHBOURS), (0, 0)))
    windows = [padded[i : i + len(values)] for i in range(2 * NEIGHBOURS + 1)]
    return np.concatenate([*windows, np.ones((len(values), 1))], axis=1)


def fit_linear(
    train: Encoded, validation: Encoded, num_classes: int, by_step: bool
) -> Linear:
    """Fits the linear classifier by ridge regression.

    Args:
      train: the series to fit.
      validation: those whose accuracy chooses the penalty.
      num_classes: number of classes.
      by_step: whether steps are classified.

    Returns:
      The classifier.
    """
    size = describe(train.values[0], by_step).shape[1]
    products, sums = np.zeros((size, size)), np.zeros((size, num_classes))
    for values, targets in zip(train.values, train.targets):
        rows = describe(values, by_step).astype(np.float64)
        products += rows.T @ rows
        sums += rows.T @ np.eye(num_classes)[targets]
    penalized = np.diag([1.0] * (size - 1) + [0.0])
    penalized *= np.trace(products) / size
    best, best_right = None, -1.0
    for penalty in PENALTIES:
        weights = np.linalg.lstsq(products + penalty * penalized, sums, rcond=None)[0]
        linear = Linear(weights, by_step)
        found = np.concatenate(linear.predict(validation.values))
        right = float((found == np.concatenate(validation.targets)).mean())
        if right > best_right:
            best, best_right = linear, right
    assert best is not None
    return best

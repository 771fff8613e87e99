"""How well classes are told apart: scores of each class, and confusions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments.shared.figures import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_NUMBERED = 20  # classes at most for a number in every field of the picture


class ClassScores(NamedTuple):
    """Scores of every class, `[num_classes]` each.

    Attributes:
      precision: share of those named so that are; 0 where none is named so.
      recall: share of those that are so that are named so; 0 where there is none.
      f1: harmonic mean of both; 0 where none is right.
      count: number of examples of the class.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    count: np.ndarray


def confusion_matrix(
    true: np.ndarray, predicted: np.ndarray, num_classes: int
) -> np.ndarray:
    """Counts how often class i, the row, is taken for class j, the column.

    Args:
      true: `[num_examples]` integers from 0 to `num_classes - 1`.
      predicted: `[num_examples]`.
      num_classes: number of classes.

    Returns:
      `[num_classes, num_classes]` int64.
    """
    matrix = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


def class_scores(confusions: np.ndarray) -> ClassScores:
    """Computes the scores of every class from a confusion matrix.

    Example:
      >>> scores = class_scores(np.array([[3, 1], [2, 4]]))
      >>> scores.precision.round(2), scores.recall.round(2)
      (array([0.6, 0.8]), array([0.75, 0.67]))
    """
    return _scores(np.diag(confusions), confusions.sum(0), confusions.sum(1))


def label_scores(true: np.ndarray, predicted: np.ndarray) -> ClassScores:
    """Computes the scores of labels of which an example may have any number.

    Args:
      true: `[num_examples, num_labels]` bool.
      predicted: the same.

    Example:
      >>> true = np.array([[True, True], [False, True], [True, False]])
      >>> predicted = np.array([[True, False], [True, True], [True, False]])
      >>> scores = label_scores(true, predicted)
      >>> scores.precision.round(2), scores.recall.round(2)
      (array([0.67, 1.  ]), array([1. , 0.5]))
    """
    right, named, count = (x.sum(0) for x in (true & predicted, predicted, true))
    return _scores(right, named, count)


def scores_table(scores: ClassScores | np.ndarray, names: Sequence[str]) -> str:
    """Returns a table of the scores of every class, the most frequent first.

    Args:
      scores: the scores, or the confusion matrix that they are computed from.
      names: the names of the classes.
    """
    if isinstance(scores, np.ndarray):
        scores = class_scores(scores)
    width = max(map(len, (*names, "class")))
    lines = [f"{'class':{width}} precision recall     f1  count"]
    for i in np.argsort(-scores.count, kind="stable"):
        lines.append(
            f"{names[i]:{width}} {scores.precision[i]:9.3f} {scores.recall[i]:6.3f} "
            f"{scores.f1[i]:6.3f} {scores.count[i]:6d}"
        )
    return "\n".join(lines)


def plot_confusions(confusions: np.ndarray, names: Sequence[str]) -> "Figure":
    """Draws a confusion matrix, every row as shares of its class."""
    size = max(4.5, 1.5 + 0.3 * len(names))
    figure = new_figure(size + 0.7, size)
    axes = figure.add_subplot()
    shares = confusions / np.maximum(confusions.sum(axis=1, keepdims=True), 1)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(image, ax=axes, label="share of the class", shrink=0.8)
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90)
    axes.set_yticks(places, names)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(names) <= MOST_NUMBERED:
        for i in places:
            for j in np.flatnonzero(confusions[i]).tolist():
                color = "white" if shares[i, j] > 0.5 else "black"
                style = {"ha": "center", "va": "center", "fontsize": 6}
                axes.text(j, i, str(confusions[i, j]), color=color, **style)
    return figure


def _scores(right: np.ndarray, named: np.ndarray, count: np.ndarray) -> ClassScores:
    """Computes scores from how many are right, are named so, and are so."""
    return ClassScores(
        right / np.maximum(named, 1),
        right / np.maximum(count, 1),
        2 * right / np.maximum(named + count, 1),
        count,
    )

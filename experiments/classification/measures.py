"""How well labels and numbers are predicted, and how well without any text."""

from typing import NamedTuple

import jax
import numpy as np

from experiments.classification.targets import Symbols, loss_of
from experiments.shared.classes import class_scores, confusion_matrix


def constant_scores(targets: np.ndarray, symbols: Symbols) -> np.ndarray:
    """Returns the scores `[num_outputs]` that fit all training texts best.

    They are the baseline: the most frequent label, labels that most texts have, and the
    mean of the numbers.
    """
    if symbols.target == "number":
        return targets.mean(axis=0)
    if symbols.target == "labels":
        shares = np.clip(targets.mean(axis=0), 1e-6, 1 - 1e-6)
        return np.log(shares / (1 - shares))
    counts = np.bincount(targets, minlength=symbols.num_outputs)
    return np.log(np.maximum(counts, 1e-6))


class Measured(NamedTuple):
    """How well targets are predicted.

    Attributes:
      metrics: by name; of them `main` is the one that parameters are chosen by.
      main: its name; the greater, the better.
    """

    metrics: dict[str, float]
    main: str


def measure(
    part: str, scores: np.ndarray, targets: np.ndarray, symbols: Symbols
) -> Measured:
    """Measures predictions.

    Args:
      part: validation or test, with which the names of the metrics begin.
      scores: `[num_texts, num_outputs]`.
      targets: see `encode_targets`.
      symbols: what is predicted.

    Returns:
      One label: accuracy and the mean of the F1 of all labels. Several: the share of
      texts with exactly the right ones, and the F1 of all labels together. A number:
      root mean squared and mean absolute error, in the unit of the texts, and r2: 1
      less the mean squared error as a share of the variance of the training texts.
    """
    if symbols.target == "number":
        errors = symbols.deviation * (scores - targets)
        metrics = {
            "rmse": float(np.sqrt((errors**2).mean())),
            "mae": float(np.abs(errors).mean()),
            "r2": float(1 - (errors**2).mean() / symbols.deviation**2),
        }
        main = "r2"
    elif symbols.target == "labels":
        found, true = scores > 0, targets > 0.5
        metrics = {
            "accuracy": float((found == true).all(axis=1).mean()),
            "f1": float(2 * (found & true).sum() / max(1, found.sum() + true.sum())),
        }
        main = "f1"
    else:
        predicted = scores.argmax(axis=1)
        confusions = confusion_matrix(targets, predicted, symbols.num_outputs)
        own = class_scores(confusions)
        metrics = {
            "accuracy": float((predicted == targets).mean()),
            "macro_f1": float(own.f1[own.count > 0].mean()),
        }
        main = "accuracy"
    losses = loss_of(symbols.target, scores, targets)
    metrics["loss"] = float(np.asarray(losses).mean())
    named = {f"{part}_{name}": value for name, value in metrics.items()}
    return Measured(named, f"{part}_{main}")


def probabilities(target: str, scores: np.ndarray) -> np.ndarray:
    """Returns the probability of every label, `[..., num_outputs]`."""
    squash = jax.nn.softmax if target == "label" else jax.nn.sigmoid
    return np.asarray(squash(scores))

"""What is predicted of a text: a label, any number of labels, or a number."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import optax

from experiments.data.labelled_texts import LabelledText
from experiments.data.vocabulary import Vocabulary
from experiments.harness import BadInput
from rnnjax import cross_entropy
from rnnjax.base import Array

SEPARATOR = "|"


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a run keeps of its texts to be used on others.

    Attributes:
      target: `label`, `labels` or `number`.
      words: the words that are known.
      labels: the names of the labels; none if a number is predicted.
      mean, deviation: of the numbers of the training texts, which are scaled by them.
      vector_size: width of pretrained vectors; 0: there were none.
    """

    target: str
    words: Vocabulary
    labels: tuple[str, ...] = ()
    mean: float = 0.0
    deviation: float = 1.0
    vector_size: int = 0

    @property
    def num_outputs(self) -> int:
        """Number of scores of a text."""
        return len(self.labels) or 1


def make_symbols(
    target: str,
    words: Vocabulary,
    train: Sequence[LabelledText],
    *,
    of_nodes: bool = False,
) -> Symbols:
    """Collects the labels of the training texts, or the scale of their numbers.

    Args:
      target: `label`, `labels` or `number`.
      words: the words that are known.
      train: the training texts.
      of_nodes: whether the labels are also those of the nodes of their trees.

    Returns:
      The symbols.

    Raises:
      BadInput: if a label is empty, there are fewer than two, or a number is none.
    """
    if target == "number":
        numbers = np.array([_number(text) for text in train])
        deviation = float(numbers.std())
        if not deviation:
            got = f"got {numbers[0]:g} alone."
            raise BadInput(f"there must be two numbers in the training texts, {got}")
        return Symbols(target, words, (), float(numbers.mean()), deviation)
    names = {label for text in train for label in _labels(target, text)}
    if of_nodes:
        names |= {label for text in train if text.tree for label in text.tree.labels}
    labels = sorted(names - {""})
    if len(labels) < 2:
        raise BadInput(
            "there must be two labels in the training texts, got "
            f"{', '.join(labels) or 'none'}."
        )
    return Symbols(target, words, tuple(labels))


def encode_targets(texts: Sequence[LabelledText], symbols: Symbols) -> np.ndarray:
    """Turns labels into numbers.

    Args:
      texts: the texts.
      symbols: the labels that there are.

    Returns:
      `[num_texts]` int32; several labels: `[num_texts, num_labels]` float32, 1 for each
      that a text has; numbers: `[num_texts, 1]` float32, scaled.

    Raises:
      BadInput: if a label is empty or no training text has it, or a number is none.
    """
    if symbols.target == "number":
        numbers = np.array([[_number(text)] for text in texts])
        return ((numbers - symbols.mean) / symbols.deviation).astype(np.float32)
    place = {label: i for i, label in enumerate(symbols.labels)}
    found = np.zeros((len(texts), len(place)), np.float32)
    for row, text in zip(found, texts):
        for label in _labels(symbols.target, text):
            if label not in place:
                raise BadInput(
                    f"the label must be one of the training texts, "
                    f"{', '.join(symbols.labels)}; got {label!r}.",
                    text.path,
                    text.line,
                )
            row[place[label]] = 1
    return found if symbols.target == "labels" else found.argmax(1).astype(np.int32)


def loss_of(target: str, scores: Any, targets: Any) -> Array:
    """Computes the loss of every example.

    Args:
      target: what is predicted.
      scores: `[B, num_outputs]`.
      targets: see `encode_targets`.

    Returns:
      `[B]`: nats for labels, of several labels their sum; the squared error, scaled,
      for a number.
    """
    scores, targets = jnp.asarray(scores), jnp.asarray(targets)
    if target == "label":
        return cross_entropy(scores, targets)
    if target == "labels":
        return optax.sigmoid_binary_cross_entropy(scores, targets).sum(axis=-1)
    return ((scores - targets) ** 2).sum(axis=-1)


def label_weights(targets: np.ndarray, symbols: Symbols) -> np.ndarray:
    """Returns a weight per label that makes all count alike, n / (K nₖ), `[K]`."""
    counts = np.bincount(targets, minlength=symbols.num_outputs)
    return (len(targets) / (symbols.num_outputs * counts)).astype(np.float32)


def _labels(target: str, text: LabelledText) -> list[str]:
    if target == "labels":
        parts = [label.strip() for label in text.label.split(SEPARATOR)]
        return [label for label in parts if label]
    if not text.label:
        raise BadInput("the label must not be empty.", text.path, text.line)
    return [text.label]


def _number(text: LabelledText) -> float:
    try:
        number = float(text.label)
    except ValueError:
        number = np.nan
    if not np.isfinite(number):
        raise BadInput(
            f"the label must be a finite number, got {text.label!r}.",
            text.path,
            text.line,
        )
    return number

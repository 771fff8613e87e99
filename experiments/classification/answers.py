"""One answer per line by a trained classifier."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import nnx

from experiments.classification.baselines import BAGS
from experiments.classification.batches import batch_of_line
from experiments.classification.measures import probabilities
from experiments.classification.modules import apply
from experiments.classification.report import name_labels
from experiments.classification.tree_batches import batch_of_tree
from experiments.shared.answering import Answer
from experiments.shared.trained import Trained


def make_line_classifier(
    trained: Trained, with_probabilities: bool = False
) -> Callable[[str], Answer]:
    """Makes the function that labels a line.

    Args:
      trained: a classifier.
      with_probabilities: whether to give the probability of every label too.

    Returns:
      `reply(line)`: the label, the labels separated by `|`, or the number.

    Raises:
      ValueError: by `reply`, if the line has no word; for trees, if it is no tree.
    """
    module, config, symbols = trained
    graph, state = nnx.split(module)

    @jax.jit
    def run(state, batch):
        return apply(nnx.merge(graph, state), batch)

    def reply(line: str) -> Answer:
        if config.model == "tree":
            batch = batch_of_tree(line, symbols)
            row = batch.inputs.trees.roots[0]
        else:
            batch = batch_of_line(line, symbols, config, config.model in BAGS)
            row = 0
        scores = np.asarray(run(state, batch))
        answer = name_labels(scores[row], symbols)
        fields: dict[str, Any] = {"text": line, symbols.target: answer}
        if symbols.target == "labels":
            fields["labels"] = answer.split("|") if answer else []
        elif symbols.target == "number":
            fields["number"] = float(answer)
        if with_probabilities and symbols.labels:
            shares = probabilities(symbols.target, scores[row]).round(6).tolist()
            fields["probabilities"] = dict(zip(symbols.labels, shares))
            named = (
                f"{name} {share:.4f}" for name, share in fields["probabilities"].items()
            )
            answer = "\t".join([answer, *named])
        return Answer(answer, fields)

    return reply

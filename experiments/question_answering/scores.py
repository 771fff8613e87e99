"""How often answers are right."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from experiments.question_answering.batches import Batch, Batcher
from experiments.question_answering.examples import Example
from experiments.shared.compiling import quick_compile
from rnnjax import cross_entropy
from rnnjax.base import Array
from rnnjax.models.question_answerer import QuestionAnswerer

Score = Callable[[Any, Batcher], np.ndarray]


def apply(module: QuestionAnswerer, batch: Batch, key: Array | None = None) -> Array:
    """Scores the answers of a batch, `[B, num_answers]`."""
    return module(
        batch.story,
        batch.question,
        story_mask=batch.story_mask,
        question_mask=batch.question_mask,
        key=key,
    )


def compile_options(module: QuestionAnswerer) -> dict[str, Any]:
    """Returns options for `jax.jit`: quick ones, but for images none.

    With `quick_compile` the update of easy-VQA took 314 s to compile instead of 42, on
    shared cores, and then several times as long.
    """
    return quick_compile() if module.image_encoder is None else {}


def mean_nats(scores: Array, batch: Batch) -> Array:
    """Returns the mean cross entropy over the questions whose answer is known, nats."""
    weights = jnp.where(batch.targets < 0, 0, batch.weights)
    losses = cross_entropy(scores, jnp.maximum(batch.targets, 0))
    return (weights * losses).sum() / jnp.maximum(weights.sum(), 1)


def make_scorer(module: QuestionAnswerer) -> Score:
    """Makes `score(params, batcher)`, the scores `[num_examples, num_answers]`."""
    graph = nnx.graphdef(module)

    def scores_of(params, batch):
        return apply(nnx.merge(graph, params), batch)

    run = jax.jit(scores_of, compiler_options=compile_options(module))

    def score(params: Any, batcher: Batcher) -> np.ndarray:
        found = None
        for rows, batch in batcher.in_order():
            scores = np.asarray(run(params, batch))
            if found is None:
                found = np.zeros((len(batcher.data.targets), scores.shape[1]))
            found[rows.indices[rows.is_real]] = scores[rows.is_real]
        assert found is not None  # a part has an example
        return found

    return score


def accuracy(scores: np.ndarray, targets: np.ndarray) -> float:
    """Returns the share of questions with the right answer.

    Args:
      scores: `[num_examples, num_answers]`.
      targets: `[num_examples]`; -1 for an answer that is not known, and never right.

    Example:
      >>> accuracy(np.array([[0.0, 2.0], [1.0, 0.0], [3.0, 0.0]]), np.array([1, 1, -1]))
      0.3333333333333333
    """
    return float(np.mean(scores.argmax(axis=1) == targets))


def majority(train: Sequence[Example], examples: Sequence[Example]) -> float:
    """Returns how often the most frequent answer of training is right."""
    most = Counter(example.answer for example in train).most_common(1)[0][0]
    return sum(example.answer == most for example in examples) / len(examples)


def mean_over_tasks(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Returns the mean of each metric over the tasks that have it.

    Args:
      metrics: by task, by metric.

    Example:
      >>> mean_over_tasks({"qa1": {"accuracy": 1.0}, "qa2": {"accuracy": 0.5}})
      {'accuracy': 0.75}
    """
    names = dict.fromkeys(name for own in metrics.values() for name in own)
    return {
        name: float(np.mean([own[name] for own in metrics.values() if name in own]))
        for name in names
    }

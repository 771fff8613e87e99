"""Several tasks, each with a model of its own, in one training."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.question_answering.batches import (
    Batch,
    Batcher,
    Shapes,
    without_stories,
)
from experiments.question_answering.examples import Parts, Symbols, encode
from experiments.shared import buckets as bucketing
from experiments.shared.best import Best, BestState
from rnnjax.base import Array


class Task(NamedTuple):
    """The batches of one task.

    Attributes:
      parts: its examples.
      train, validation, test: the batches of each part; None: there is no test.
      rows: `rows(i)`, the rows of update i.
    """

    parts: Parts
    train: Batcher
    validation: Batcher
    test: Batcher | None
    rows: Callable[[int], bucketing.Rows]

    def batch(self, i: int) -> Batch:
        """Returns the batch of update i, on the host."""
        return self.train.batch(self.rows(i))


def make_task(
    parts: Parts,
    symbols: Symbols,
    shapes: Shapes,
    seed: int,
    *,
    images: np.ndarray | None = None,
    sees_story: bool = True,
) -> Task:
    """Makes the batches of a task.

    Args:
      parts: its examples.
      symbols: what the numbers stand for.
      shapes: the lengths that stories and questions are padded to.
      seed: seed of the order of the training questions.
      images: see `Batcher`.
      sees_story: false: every story and image is replaced by an empty story.
    """

    def batcher(examples):
        data = encode(examples, symbols)
        if sees_story:
            return Batcher(data, shapes, images)
        return Batcher(without_stories(data), shapes._replace(story=(1,)))

    train = batcher(parts.train)
    return Task(
        parts,
        train,
        batcher(parts.validation),
        batcher(parts.test) if parts.test else None,
        bucketing.shuffled_batches(train.buckets, seed),
    )


def key_of_task(key: Array, name: str) -> Array:
    """Returns the key of a task, the same whichever other tasks there are.

    Args:
      key: the key of all tasks.
      name: `qa` and a number for a task of bAbI.
    """
    number = name.removeprefix("qa")
    return jax.random.fold_in(key, int(number) if number.isdecimal() else 0)


def join(states: Mapping[str, BestState]) -> BestState:
    """Makes one state of those of several tasks; every field is a dict by their names.

    So `best.params` holds the best parameters of each, as `make_model` has them.
    """

    def by_name(field: Callable[[BestState], Any]) -> Any:
        return {name: field(state) for name, state in states.items()}

    return BestState(
        by_name(lambda state: state.params),
        by_name(lambda state: state.opt_state),
        Best(
            *(
                by_name(lambda state, field=field: getattr(state.best, field))
                for field in Best._fields
            )
        ),
    )


def split(state: BestState) -> dict[str, BestState]:
    """Returns the states of several tasks that `join` has made one."""
    whole: Any = state  # whose fields are dicts
    return {
        name: BestState(
            whole.params[name],
            whole.opt_state[name],
            Best(*(field[name] for field in whole.best)),
        )
        for name in whole.params
    }


def metrics_of_all(metrics: Mapping[str, dict[str, Array]]) -> dict[str, Array]:
    """Returns the mean loss, the greatest gradient, and whether all are finite."""
    stacked = {
        name: jnp.stack([own[name] for own in metrics.values()])
        for name in ("loss", "grad_norm", "finite")
    }
    return {
        "loss": stacked["loss"].mean(),
        "grad_norm": stacked["grad_norm"].max(),
        "finite": stacked["finite"].all(),
    }

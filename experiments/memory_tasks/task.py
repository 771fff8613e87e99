"""A task: sequences sampled from a key, a loss and a score of the outputs."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from rnnjax import cross_entropy, last_step
from rnnjax.base import Array


class Sequences(NamedTuple):
    """A batch of sequences with targets.

    Attributes:
      inputs: `[T, B, input_size]`.
      targets: `[B]` values or classes at the end, or `[T, B]` classes at every step.
      mask: `[T, B]` bool, true at real steps; None if all steps are real.
    """

    inputs: Array
    targets: Array
    mask: Array | None = None


Measure = Callable[[Array, Sequences], Array]


class Task(NamedTuple):
    """A task.

    Attributes:
      input_size: features per step.
      output_size: outputs per step: 1 for a value, otherwise the number of classes.
      sample: `(key, batch_size) -> Sequences` for training.
      sample_test: `(key, index, batch_size) -> Sequences`, test batch `index`.
      loss: `(outputs, sequences) -> [B]`, minimized by training; `outputs` are
        `[T, B, output_size]`.
      score: `(outputs, sequences) -> [B]`, what is reported; lower is better.
      score_name: name of the mean score, for tables and figures.
      solved_below: the task counts as solved if the mean score is below this.
      chance: mean score of the best answer that ignores the inputs.
    """

    input_size: int
    output_size: int
    sample: Callable[[Array, int], Sequences]
    sample_test: Callable[[Array, ArrayLike, int], Sequences]
    loss: Measure
    score: Measure
    score_name: str
    solved_below: float
    chance: float


def fresh_tests(
    sample: Callable[[Array, int], Sequences],
) -> Callable[[Array, ArrayLike, int], Sequences]:
    """Makes the `sample_test` of a task with unlimited data, new for each index."""
    return lambda key, index, size: sample(jax.random.fold_in(key, index), size)


def check_num_steps(num_steps: int, least: int, why: str) -> None:
    """Checks that a task is long enough for what must fit into it.

    Raises:
      ValueError: if `num_steps` is less than `least`.
    """
    if num_steps < least:
        raise ValueError(f"num_steps must be at least {least}, {why}, got {num_steps}.")


def squared_error_at_end(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, the squared error of the value at the last real step."""
    return _error_at_end(outputs, sequences) ** 2


def is_off_by(tolerance: float) -> Measure:
    """Makes a score: 1 where the value at the end is off by `tolerance` or more."""

    def score(outputs, sequences):
        off = jnp.abs(_error_at_end(outputs, sequences)) >= tolerance
        return off.astype(outputs.dtype)

    return score


def cross_entropy_at_end(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, the cross entropy of the class at the last real step, in nats."""
    return cross_entropy(last_step(outputs, sequences.mask), sequences.targets)


def is_wrong_at_end(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, 1 where the most likely class at the last real step is wrong."""
    likeliest = last_step(outputs, sequences.mask).argmax(axis=-1)
    return (likeliest != sequences.targets).astype(outputs.dtype)


def mean_cross_entropy(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, the cross entropy in nats, averaged over all steps."""
    return cross_entropy(outputs, sequences.targets).mean(axis=0)


def is_wrong_in_last(num_steps: int) -> Measure:
    """Makes a score: 1 where any class of the last `num_steps` steps is wrong."""

    def score(outputs, sequences):
        wrong = outputs.argmax(axis=-1) != sequences.targets
        return wrong[-num_steps:].any(axis=0).astype(outputs.dtype)

    return score


def _error_at_end(outputs, sequences):
    return last_step(outputs, sequences.mask)[..., 0] - sequences.targets

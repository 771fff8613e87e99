"""What a task is: sequences drawn from a key, and a judgement of outputs."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax import cross_entropy, last_step
from rnnjax.base import Array


class Sequences(NamedTuple):
    """A batch of sequences and what is to be said of them.

    Attributes:
      inputs: `[T, B, input_size]`.
      targets: `[B]` values or classes at the end, or `[T, B]` classes of every step.
      mask: `[T, B]` bool, true at real steps; None if all are.
    """

    inputs: Array
    targets: Array
    mask: Array | None = None


Judge = Callable[[Array, Sequences], Array]


class Task(NamedTuple):
    """A task.

    Attributes:
      input_size: features of a step.
      output_size: outputs of a step: 1 for a value, else a logit for each class.
      draw: `(key, batch_size) -> Sequences`, to learn from.
      draw_test: `(key, index, batch_size) -> Sequences`, batch `index` of those to be
        examined with.
      loss: `(outputs, sequences) -> [B]`, what training makes small; `outputs` are
        `[T, B, output_size]`.
      score: `(outputs, sequences) -> [B]`, what the task is judged by; small is good.
      score_name: what a mean score is called.
      solved_below: the mean score below which the task counts as solved.
      guess: the mean score of one who knows everything but the sequence.
    """

    input_size: int
    output_size: int
    draw: Callable[[Array, int], Sequences]
    draw_test: Callable[[Array, Array, int], Sequences]
    loss: Judge
    score: Judge
    score_name: str
    solved_below: float
    guess: float


def without_end(
    draw: Callable[[Array, int], Sequences],
) -> Callable[[Array, Array, int], Sequences]:
    """Makes the `draw_test` of a task whose sequences never end: fresh ones."""
    return lambda key, index, size: draw(jax.random.fold_in(key, index), size)


def check_num_steps(num_steps: int, least: int, why: str) -> None:
    """Checks that a task is as long as its markers need.

    Raises:
      ValueError: if not.
    """
    if num_steps < least:
        raise ValueError(f"num_steps must be at least {least}, {why}, got {num_steps}.")


def squared_error_at_end(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, the squared error of the value at the last real step."""
    return _error_at_end(outputs, sequences) ** 2


def is_off_by(most: float) -> Judge:
    """Makes a judge that says 1 where the value at the end is off by `most` or more."""

    def judge(outputs, sequences):
        off = jnp.abs(_error_at_end(outputs, sequences)) >= most
        return off.astype(outputs.dtype)

    return judge


def cross_entropy_at_end(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, the cross entropy of the class at the last real step, in nats."""
    return cross_entropy(last_step(outputs, sequences.mask), sequences.targets)


def is_wrong_at_end(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, 1 where the class at the last real step is not the likeliest."""
    likeliest = last_step(outputs, sequences.mask).argmax(axis=-1)
    return (likeliest != sequences.targets).astype(outputs.dtype)


def cross_entropy_of_steps(outputs: Array, sequences: Sequences) -> Array:
    """Returns `[B]`, the cross entropy in nats, the mean over all steps."""
    return cross_entropy(outputs, sequences.targets).mean(axis=0)


def is_wrong_in_last(num_steps: int) -> Judge:
    """Makes a judge that says 1 where a class of the last `num_steps` is not right."""

    def judge(outputs, sequences):
        wrong = outputs.argmax(axis=-1) != sequences.targets
        return wrong[-num_steps:].any(axis=0).astype(outputs.dtype)

    return judge


def _error_at_end(outputs, sequences):
    return last_step(outputs, sequences.mask)[..., 0] - sequences.targets

"""Adding and multiplying two marked numbers of a random sequence.

There are two families of definitions, whose results cannot be compared: the one of 1997
counts wrong answers over sequences of different lengths, the later one reports the mean
squared error, which is 1/6 for the best constant answer.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from experiments.memory_tasks.task import (
    Sequences,
    Task,
    check_num_steps,
    fresh_tests,
    is_off_by,
    squared_error_at_end,
)
from rnnjax import lengths_to_mask
from rnnjax.base import Array

NUM_EARLY_STEPS = 10  # the first mark of 1997 is among these
TOLERANCE = 0.04


def adding_bai(num_steps: int) -> Task:
    """Makes the adding problem with the two marks anywhere.

    Each step has a number from U[0, 1] and a mark, which is 1 at two steps and 0
    elsewhere. The target is the sum of the two marked numbers.

    Args:
      num_steps: T, at least 2.

    Raises:
      ValueError: if there are too few steps.

    References:
      Bai, Kolter and Koltun, "An Empirical Evaluation of Generic Convolutional and
      Recurrent Networks for Sequence Modeling", 2018, and its code.
    """
    check_num_steps(num_steps, 2, "a step for each mark")

    def sample_marks(key, shape):
        first_key, second_key = jax.random.split(key)
        first = jax.random.randint(first_key, shape, 0, num_steps)
        second = jax.random.randint(second_key, shape, 0, num_steps - 1)
        return first, second + (second >= first)

    return _adding(num_steps, sample_marks)


def adding_le(num_steps: int) -> Task:
    """Makes the adding problem with one mark per half; otherwise as `adding_bai`.

    References:
      Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified
      Linear Units", 2015.
    """
    check_num_steps(num_steps, 2, "a step for each mark")

    def sample_marks(key, shape):
        first_key, second_key = jax.random.split(key)
        half = num_steps // 2
        return (
            jax.random.randint(first_key, shape, 0, half),
            jax.random.randint(second_key, shape, half, num_steps),
        )

    return _adding(num_steps, sample_marks)


def adding_1997(num_steps: int) -> Task:
    """Makes the adding problem of the first paper on LSTM.

    The numbers are from U[-1, 1] and the lengths from T to T + T / 10. The mark is -1
    at the first and the last step and 1 at two others: one of the first ten steps and
    another of the first T / 2 - 1. The target is 0.5 + (X₁ + X₂) / 4, and an answer is
    wrong if it is off by 0.04 or more. If the first step is marked, its number is 0.

    Args:
      num_steps: T, at least 22.

    Raises:
      ValueError: if there are too few steps.

    References:
      Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997,
      experiment 4.
    """
    share = _share_with_first_marked(num_steps)
    # P(|X₁ + X₂| < 0.16) under a triangular density; P(|X₂| < 0.16) where X₁ is 0
    right = (1 - share) * (2 * 0.16 - 0.16**2 / 2) / 2 + share * 0.16
    return _of_1997(num_steps, -1.0, 0.0, lambda a, b: 0.5 + (a + b) / 4, 1 - right)


def multiplication(num_steps: int) -> Task:
    """Makes the multiplication problem: `adding_1997` with other numbers.

    They are from U[0, 1], the number of a marked first step is 1, and the target is
    X₁ X₂.

    Args:
      num_steps: T, at least 22.

    Raises:
      ValueError: if there are too few steps.

    References:
      Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997,
      experiment 5.
    """
    share = _share_with_first_marked(num_steps)
    # the density of X₁ X₂ decreases, so the best answer is 0.04, right from 0 to 0.08
    right = (1 - share) * 0.08 * (1 - math.log(0.08)) + share * 0.08
    return _of_1997(num_steps, 0.0, 1.0, lambda a, b: a * b, 1 - right)


def _adding(num_steps: int, sample_marks: Callable) -> Task:
    def sample(key, batch_size):
        value_key, mark_key = jax.random.split(key)
        values = jax.random.uniform(value_key, (num_steps, batch_size))
        first, second = sample_marks(mark_key, (batch_size,))
        steps = jnp.arange(num_steps)[:, None]
        marks = ((steps == first) | (steps == second)).astype(values.dtype)
        targets = (values * marks).sum(axis=0)
        return Sequences(jnp.stack([values, marks], axis=-1), targets)

    return Task(
        input_size=2,
        output_size=1,
        sample=sample,
        sample_test=fresh_tests(sample),
        loss=squared_error_at_end,
        score=squared_error_at_end,
        score_name="mean squared error",
        solved_below=0.001,
        chance=1 / 6,
    )


def _of_1997(
    num_steps: int,
    lowest: float,
    value_of_first: float,
    combine: Callable[[Array, Array], Array],
    chance: float,
) -> Task:
    most_steps = num_steps + num_steps // 10

    def sample(key, batch_size):
        keys = jax.random.split(key, 4)
        shape = (batch_size,)
        values = jax.random.uniform(keys[0], (most_steps, *shape), minval=lowest)
        lengths = jax.random.randint(keys[1], shape, num_steps, most_steps + 1)
        first = jax.random.randint(keys[2], shape, 0, NUM_EARLY_STEPS)
        second = jax.random.randint(keys[3], shape, 0, num_steps // 2 - 2)
        second += second >= first
        steps = jnp.arange(most_steps)[:, None]
        is_marked = (steps == first) | (steps == second)
        values = jnp.where(is_marked & (steps == 0), value_of_first, values)
        is_end = (steps == 0) | (steps == lengths - 1)
        marks = jnp.where(is_marked, 1.0, jnp.where(is_end, -1.0, 0.0))
        chosen = [
            jnp.take_along_axis(values, at[None], axis=0)[0] for at in (first, second)
        ]
        mask = lengths_to_mask(lengths, most_steps)
        inputs = jnp.stack([values, marks], axis=-1)
        return Sequences(inputs, combine(*chosen), mask)

    return Task(
        input_size=2,
        output_size=1,
        sample=sample,
        sample_test=fresh_tests(sample),
        loss=squared_error_at_end,
        score=is_off_by(TOLERANCE),
        score_name="share wrong",
        solved_below=0.01,
        chance=chance,
    )


def _share_with_first_marked(num_steps: int) -> float:
    """Returns the share of sequences of 1997 in which the first step is marked."""
    check_num_steps(num_steps, 22, "so that the first ten lie in its first half")
    share = 1 / NUM_EARLY_STEPS
    return share + (1 - share) / (num_steps // 2 - 2)

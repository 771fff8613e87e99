"""Tasks over sequences of symbols: what came first, what came at all.

Symbols are one-hot. Steps are counted from 0.
"""

import math

import jax
import jax.numpy as jnp

from experiments.memory.task import (
    Sequences,
    Task,
    check_num_steps,
    cross_entropy_at_end,
    cross_entropy_of_steps,
    is_wrong_at_end,
    is_wrong_in_last,
    without_end,
)


def temporal_order(num_steps: int) -> Task:
    """Makes the temporal order problem with two symbols that count.

    Each of them is A or B; one comes in [0.1 T, 0.2 T), one in [0.5 T, 0.6 T), among
    four other symbols at random. Which two they were, in order, is one of 4 classes.

    Args:
      num_steps: T, from 10.

    Raises:
      ValueError: if there are too few steps.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, and its program. Hochreiter and Schmidhuber 1997,
      experiment 6a, have two symbols more, that mark the ends, and 100 to 110 steps.
    """
    return _temporal_order(num_steps, tenths=(1, 5))


def temporal_order_3(num_steps: int) -> Task:
    """Makes the temporal order problem with three symbols that count: 8 classes.

    They come in [0.1 T, 0.2 T), [0.3 T, 0.4 T) and [0.6 T, 0.7 T); else as
    `temporal_order`.
    """
    return _temporal_order(num_steps, tenths=(1, 3, 6))


def copy(num_steps: int) -> Task:
    """Makes the copy problem.

    Ten symbols out of 8, T - 1 blanks, a delimiter, ten blanks. The targets are T + 10
    blanks and the ten symbols. Judged by the cross entropy, the mean over all T + 20
    steps, of which one who forgets has 10 ln 8 / (T + 20).

    Args:
      num_steps: T, from 1.

    Raises:
      ValueError: if there are too few steps.

    References:
      Arjovsky, Shah and Bengio, "Unitary Evolution Recurrent Neural Networks", ICML
      2016, section 5.1, which gives the problem this form.
    """
    check_num_steps(num_steps, 1, "a step for the delimiter")
    task = _recall(num_steps, 10, 8, trigger=num_steps + 9)
    return task._replace(
        score=cross_entropy_of_steps,
        score_name="nats a step",
        solved_below=0.01,
        guess=10 * math.log(8) / (num_steps + 20),
    )


def memorization(num_steps: int) -> Task:
    """Makes the noiseless memorization problem.

    Ten symbols out of 5, T blanks, the trigger in place of one more blank, and nine
    blanks. The targets are T + 10 blanks and the ten symbols. A sequence is wrong if
    one of the ten is.

    Args:
      num_steps: T, from 1.

    Raises:
      ValueError: if there are too few steps.

    References:
      Martens and Sutskever, "Learning Recurrent Neural Networks with Hessian-Free
      Optimization", ICML 2011; in the form of Pascanu et al.'s program.
    """
    check_num_steps(num_steps, 1, "a step between symbols and trigger")
    return _recall(num_steps, 10, 5, trigger=num_steps + 10)


def permutation(num_steps: int) -> Task:
    """Makes the random permutation problem.

    The first of T symbols is one of two, the others are drawn from 98 more. The target
    at the end is the first.

    Args:
      num_steps: T, from 2.

    Raises:
      ValueError: if there are too few steps.

    References:
      Hochreiter and Schmidhuber 1997, experiment 2; in the form of Pascanu et al.'s
      program, in which symbols may come again, so that it is no permutation.
    """
    check_num_steps(num_steps, 2, "one to remember and one to forget")
    num_symbols = 100

    def draw(key, batch_size):
        first_key, rest_key = jax.random.split(key)
        first = jax.random.randint(first_key, (1, batch_size), 0, 2)
        shape = (num_steps - 1, batch_size)
        rest = jax.random.randint(rest_key, shape, 2, num_symbols)
        symbols = jnp.concatenate([first, rest])
        return Sequences(jax.nn.one_hot(symbols, num_symbols), first[0])

    return _classes_at_end(num_symbols, num_symbols, draw, guess=1 / 2)


def _temporal_order(num_steps: int, tenths: tuple[int, ...]) -> Task:
    check_num_steps(num_steps, 10, "a step for each symbol that counts")
    num_symbols = 6

    def draw(key, batch_size):
        at_key, which_key, rest_key = jax.random.split(key, 3)
        shape = (len(tenths), batch_size)
        begins = jnp.array([num_steps * tenth // 10 for tenth in tenths])[:, None]
        at = begins + jax.random.randint(at_key, shape, 0, num_steps // 10)
        which = jax.random.randint(which_key, shape, 0, 2)
        symbols = jax.random.randint(rest_key, (num_steps, batch_size), 2, num_symbols)
        symbols = symbols.at[at, jnp.arange(batch_size)].set(which)
        targets = (which << jnp.arange(len(tenths))[:, None]).sum(axis=0)
        return Sequences(jax.nn.one_hot(symbols, num_symbols), targets)

    num_classes = 2 ** len(tenths)
    return _classes_at_end(num_symbols, num_classes, draw, guess=1 - 1 / num_classes)


def _classes_at_end(num_symbols: int, num_classes: int, draw, guess: float) -> Task:
    return Task(
        input_size=num_symbols,
        output_size=num_classes,
        draw=draw,
        draw_test=without_end(draw),
        loss=cross_entropy_at_end,
        score=is_wrong_at_end,
        score_name="share wrong",
        solved_below=0.01,
        guess=guess,
    )


def _recall(num_blanks: int, num_symbols: int, num_kinds: int, trigger: int) -> Task:
    """Makes a task in which the first symbols are to be said again at the end."""
    blank, signal = num_kinds, num_kinds + 1

    def draw(key, batch_size):
        symbols = jax.random.randint(key, (num_symbols, batch_size), 0, num_kinds)
        blanks = jnp.full((num_blanks + num_symbols, batch_size), blank)
        inputs = jnp.concatenate([symbols, blanks]).at[trigger].set(signal)
        targets = jnp.concatenate([blanks, symbols])
        return Sequences(jax.nn.one_hot(inputs, num_kinds + 2), targets)

    return Task(
        input_size=num_kinds + 2,
        output_size=num_kinds + 1,
        draw=draw,
        draw_test=without_end(draw),
        loss=cross_entropy_of_steps,
        score=is_wrong_in_last(num_symbols),
        score_name="share wrong",
        solved_below=0.01,
        guess=1 - num_kinds**-num_symbols,
    )

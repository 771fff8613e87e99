"""Tasks over sequences of symbols: their order, or the symbols themselves.

Symbols are one-hot. Steps are counted from 0.
"""

import math

import jax
import jax.numpy as jnp

from experiments.memory_tasks.task import (
    Sequences,
    Task,
    check_num_steps,
    cross_entropy_at_end,
    fresh_tests,
    is_wrong_at_end,
    is_wrong_in_last,
    mean_cross_entropy,
)


def temporal_order(num_steps: int) -> Task:
    """Makes the temporal order problem with two relevant symbols.

    Each of them is A or B; one is in [0.1 T, 0.2 T), one in [0.5 T, 0.6 T), all others
    are four distractors at random. The target is which two they were, in order: one of
    4 classes.

    Args:
      num_steps: T, at least 10.

    Raises:
      ValueError: if there are too few steps.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, and its code. Experiment 6a of Hochreiter and Schmidhuber
      1997 has two more symbols, which mark the ends, and 100 to 110 steps.
    """
    return _temporal_order(num_steps, tenths=(1, 5))


def temporal_order_3(num_steps: int) -> Task:
    """Makes the temporal order problem with three relevant symbols: 8 classes.

    They are in [0.1 T, 0.2 T), [0.3 T, 0.4 T) and [0.6 T, 0.7 T); otherwise as
    `temporal_order`.
    """
    return _temporal_order(num_steps, tenths=(1, 3, 6))


def copy(num_steps: int) -> Task:
    """Makes the copy problem.

    The inputs are ten of 8 symbols, T - 1 blanks, a delimiter and ten blanks; the
    targets are T + 10 blanks and the ten symbols. The score is the cross entropy,
    averaged over all T + 20 steps: 10 ln 8 / (T + 20) for a model without memory.

    Args:
      num_steps: T, at least 1.

    Raises:
      ValueError: if there are too few steps.

    References:
      Arjovsky, Shah and Bengio, "Unitary Evolution Recurrent Neural Networks", ICML
      2016, section 5.1, for this form of the problem.
    """
    check_num_steps(num_steps, 1, "a step for the delimiter")
    task = _recall(num_steps, 10, 8, trigger=num_steps + 9)
    return task._replace(
        score=mean_cross_entropy,
        score_name="nats per step",
        solved_below=0.01,
        chance=10 * math.log(8) / (num_steps + 20),
    )


def memorization(num_steps: int) -> Task:
    """Makes the noiseless memorization problem.

    The inputs are ten of 5 symbols, T blanks, a trigger in place of another blank, and
    nine blanks; the targets are T + 10 blanks and the ten symbols. A sequence is wrong
    if any of the ten is.

    Args:
      num_steps: T, at least 1.

    Raises:
      ValueError: if there are too few steps.

    References:
      Martens and Sutskever, "Learning Recurrent Neural Networks with Hessian-Free
      Optimization", ICML 2011; in the form of Pascanu et al.'s code.
    """
    check_num_steps(num_steps, 1, "a step between symbols and trigger")
    return _recall(num_steps, 10, 5, trigger=num_steps + 10)


def permutation(num_steps: int) -> Task:
    """Makes the random permutation problem.

    The first of T symbols is one of two, the others are drawn from 98 more. The target
    at the end is the first symbol.

    Args:
      num_steps: T, at least 2.

    Raises:
      ValueError: if there are too few steps.

    References:
      Hochreiter and Schmidhuber 1997, experiment 2; in the form of Pascanu et al.'s
      code, in which symbols may repeat, so that it is not a permutation.
    """
    check_num_steps(num_steps, 2, "one to remember and one to forget")
    num_symbols = 100

    def sample(key, batch_size):
        first_key, rest_key = jax.random.split(key)
        first = jax.random.randint(first_key, (1, batch_size), 0, 2)
        shape = (num_steps - 1, batch_size)
        rest = jax.random.randint(rest_key, shape, 2, num_symbols)
        symbols = jnp.concatenate([first, rest])
        return Sequences(jax.nn.one_hot(symbols, num_symbols), first[0])

    return _class_at_end(num_symbols, num_symbols, sample, chance=1 / 2)


def _temporal_order(num_steps: int, tenths: tuple[int, ...]) -> Task:
    check_num_steps(num_steps, 10, "a step for each relevant symbol")
    num_symbols = 6

    def sample(key, batch_size):
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
    return _class_at_end(num_symbols, num_classes, sample, chance=1 - 1 / num_classes)


def _class_at_end(num_symbols: int, num_classes: int, sample, chance: float) -> Task:
    return Task(
        input_size=num_symbols,
        output_size=num_classes,
        sample=sample,
        sample_test=fresh_tests(sample),
        loss=cross_entropy_at_end,
        score=is_wrong_at_end,
        score_name="share wrong",
        solved_below=0.01,
        chance=chance,
    )


def _recall(num_blanks: int, num_symbols: int, num_kinds: int, trigger: int) -> Task:
    """Makes a task in which the first symbols are to be repeated at the end."""
    blank, signal = num_kinds, num_kinds + 1

    def sample(key, batch_size):
        symbols = jax.random.randint(key, (num_symbols, batch_size), 0, num_kinds)
        blanks = jnp.full((num_blanks + num_symbols, batch_size), blank)
        inputs = jnp.concatenate([symbols, blanks]).at[trigger].set(signal)
        targets = jnp.concatenate([blanks, symbols])
        return Sequences(jax.nn.one_hot(inputs, num_kinds + 2), targets)

    return Task(
        input_size=num_kinds + 2,
        output_size=num_kinds + 1,
        sample=sample,
        sample_test=fresh_tests(sample),
        loss=mean_cross_entropy,
        score=is_wrong_in_last(num_symbols),
        score_name="share wrong",
        solved_below=0.01,
        chance=1 - num_kinds**-num_symbols,
    )

"""What a decoder may say next: functions of what was said so far.

A constraint is a function `(tokens, step, vocab_size) -> allowed`:

- tokens: `[L, ...rows]` int32, of which the first `step` are decoded; each row is a
  hypothesis. The prompt is not part of it.
- step: the number of tokens decoded so far, an integer scalar.
- allowed: bool that broadcasts to `[...rows, vocab_size]`, true for the tokens that may
  come next.

It only forbids: log-probabilities are those of the model, not normalized again. It must
be the same object in every call that should not be compiled again, so makers of
constraints are cached.
"""

from collections.abc import Callable

import jax.numpy as jnp

from rnnjax.base import Array, cached, check_positive

Constraint = Callable[[Array, Array, int], Array]


@cached
def block_repeats(size: int) -> Constraint:
    """Makes the constraint that no sequence of `size` tokens occurs twice.

    With a size of 1 no token is taken twice: a pointer visits every position at most
    once.

    Args:
      size: number of tokens.

    Returns:
      The constraint.

    Raises:
      ValueError: if `size` is not a positive whole number.

    Example:
      >>> said = jnp.array([3, 1, 2, 3, 0, 0])  # of which four tokens count
      >>> block_repeats(2)(said, 4, 5)
      Array([ True, False,  True,  True,  True], dtype=bool)
    """
    check_positive(size=size)

    def constraint(tokens, step, vocab_size):
        num_steps, *rows = tokens.shape
        num_starts = num_steps - size + 1
        if num_starts <= 0:
            return jnp.ones((*rows, vocab_size), bool)
        starts = jnp.arange(num_starts).reshape(-1, *[1] * len(rows))
        repeated = starts + size <= step
        for i in range(size - 1):
            last = jnp.take(tokens, step - size + 1 + i, axis=0, mode="clip")
            repeated &= tokens[i : i + num_starts] == last
        repeated = jnp.broadcast_to(repeated, (num_starts, *rows))
        return _forbid(tokens[size - 1 :], repeated, vocab_size)

    return constraint


@cached
def least_length(length: int, end: int) -> Constraint:
    """Makes the constraint that a sequence does not end before `length` tokens.

    Args:
      length: the least length, the end symbol included.
      end: the end symbol.

    Returns:
      The constraint.

    Raises:
      ValueError: if `length` is not a positive whole number.

    Example:
      >>> least_length(3, end=0)(jnp.zeros(5, int), 1, 4)
      Array([False,  True,  True,  True], dtype=bool)
    """
    check_positive(length=length)

    def constraint(tokens, step, vocab_size):
        del tokens
        return (step + 1 >= length) | (jnp.arange(vocab_size) != end)

    return constraint


def _forbid(tokens, where, vocab_size):
    """Returns `[...rows, vocab_size]`, false for `tokens[i]` where `where[i]`."""
    num_places, *rows = tokens.shape
    flat, places = (x.reshape(num_places, -1) for x in (tokens, where))
    allowed = jnp.ones((flat.shape[1], vocab_size), bool)
    allowed = allowed.at[jnp.arange(flat.shape[1]), flat].min(~places)
    return allowed.reshape(*rows, vocab_size)

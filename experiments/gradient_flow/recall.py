"""A task that needs memory: name the symbol that came first."""

import jax
import jax.numpy as jnp

from rnnjax import dense
from rnnjax.base import Array, Params

NUM_SYMBOLS = 4
INPUT_SIZE = 2 * NUM_SYMBOLS


def sample_batch(key: Array, num_steps: int, batch_size: int) -> tuple[Array, Array]:
    """Draws sequences whose first symbol is to be named at the end.

    The first step shows one of `NUM_SYMBOLS` symbols, every later one a distractor out
    of as many others.

    Args:
      key: the source of randomness.
      num_steps: T.
      batch_size: number of sequences.

    Returns:
      One-hot inputs `[T, batch_size, INPUT_SIZE]`, and the first symbols
      `[batch_size]`.
    """
    symbols = jax.random.randint(key, (num_steps, batch_size), 0, NUM_SYMBOLS)
    later = (jnp.arange(num_steps) > 0)[:, None] * NUM_SYMBOLS
    return jax.nn.one_hot(symbols + later, INPUT_SIZE), symbols[0]


def right_logits(readout: Params, outputs: Array, symbols: Array) -> Array:
    """Computes the logit of the right symbol at each step.

    Args:
      readout: parameters of the `dense` layer.
      outputs: `[T, batch_size, hidden_size]`, of the cell.
      symbols: `[batch_size]`.

    Returns:
      `[T, batch_size]`.
    """
    _, logits = dense(NUM_SYMBOLS).apply(readout, None, outputs)
    return (logits * jax.nn.one_hot(symbols, NUM_SYMBOLS)).sum(-1)

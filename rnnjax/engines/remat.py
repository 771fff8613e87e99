"""Chunked checkpointing around any engine: less memory for one more forward pass."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from rnnjax.base import Array, Carry, Cell, Engine, Params, cached, check_positive
from rnnjax.engines.hoisted import hoisted


@cached
def remat(
    engine: Engine = hoisted,
    *,
    chunk_length: int | None = None,
    memory_budget: int | None = None,
) -> Engine:
    """Makes an engine that stores one carry per chunk and recomputes the rest.

    The backward pass runs each chunk forward once more from the carry stored before
    it. For T steps in chunks of L the memory is that of T / L carries and of L steps
    of the inner engine, which is smallest for L of about √T. Outputs are bit-identical
    to the inner engine's. The inputs, the outputs and their gradients are still whole
    arrays: a loss that reads every output of a very long sequence is better summed up
    chunk by chunk, in a `jax.lax.scan` of `jax.checkpoint`.

    Args:
      engine: how a chunk is run, such as `rnnjax.hoisted`.
      chunk_length: L, in steps; the last chunk computed may be shorter.
      memory_budget: bytes; the longest chunk is taken for which the stored carries and
        the work on one chunk need no more. If neither is given, L is √T rounded up.

    Returns:
      The engine, with the modes and orders of differentiation of the inner one.

    Raises:
      ValueError: if both are given, or one of them is not positive; when run, if the
        budget is too small for any chunk length.

    Example:
      >>> cell = rnnjax.lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> inputs = jnp.ones((1000, 2, 3))
      >>> _, outputs = rnnjax.unroll(cell, params, inputs, engine=remat())
      >>> bool((outputs == rnnjax.unroll(cell, params, inputs)[1]).all())
      True

    References:
      Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, section 4;
      Gruslys et al., "Memory-Efficient Backpropagation Through Time", NeurIPS 2016,
      who choose where to keep a carry by dynamic programming instead.
    """
    if chunk_length is not None and memory_budget is not None:
        raise ValueError(
            "chunk_length must be None where memory_budget is given, "
            f"got {chunk_length} and {memory_budget}."
        )
    for name, size in (
        ("chunk_length", chunk_length),
        ("memory_budget", memory_budget),
    ):
        if size is not None:
            check_positive(**{name: size})

    def run(
        cell: Cell,
        params: Params,
        carry: Carry,
        inputs: Any,
        *,
        mask: Array | None,
        reset: Array | None,
        reverse: bool,
    ) -> tuple[Carry, Any]:
        def run_chunk(params, carry, steps):
            inputs, mask, reset = steps
            return engine(
                cell, params, carry, inputs, mask=mask, reset=reset, reverse=reverse
            )

        steps = inputs, mask, reset
        num_steps = jax.tree.leaves(inputs)[0].shape[0]
        length = chunk_length or max(1, math.ceil(math.sqrt(num_steps)))
        if memory_budget is not None and num_steps > 0:
            length = _longest_chunk(run_chunk, params, carry, steps, memory_budget)
        of_params = functools.partial(run_chunk, params)
        return _run_chunks(of_params, carry, steps, length, reverse)

    return run


def _run_chunks(run_chunk, carry, steps, length, reverse):
    """Runs all whole chunks in one loop, then the remaining steps as one chunk."""
    # Inside a loop, no compiler pass merges a chunk with its second run.
    run_chunk = jax.checkpoint(run_chunk, prevent_cse=False)

    def loop(carry, start, stop, length):
        def fold(x):
            count = (stop - start) // length
            return x[start:stop].reshape(count, length, *x.shape[1:])

        def unfold(x):
            return x.reshape(stop - start, *x.shape[2:])

        chunks = jax.tree.map(fold, steps)
        carry, outputs = lax.scan(run_chunk, carry, chunks, reverse=reverse)
        return carry, jax.tree.map(unfold, outputs)

    num_steps = jax.tree.leaves(steps)[0].shape[0]
    length = max(1, min(length, num_steps))  # no loop of no chunks
    rest = num_steps % length
    if rest == 0:
        return loop(carry, 0, num_steps, length)
    if reverse:
        carry, late = loop(carry, rest, num_steps, length)
        carry, early = loop(carry, 0, rest, rest)
    else:
        carry, early = loop(carry, 0, num_steps - rest, length)
        carry, late = loop(carry, num_steps - rest, num_steps, rest)
    return carry, jax.tree.map(lambda *x: jnp.concatenate(x), early, late)


def _longest_chunk(run_chunk, params, carry, steps, memory_budget):
    """Finds the longest chunk for which the memory stays within the budget.

    Raises:
      ValueError: if there is none; the message names the least budget.
    """
    num_steps = jax.tree.leaves(steps)[0].shape[0]
    of_one, of_two = (_kept(run_chunk, params, carry, steps, n) for n in (1, 2))
    of_step, of_carry, of_params = of_two - of_one, _size(carry), _size(params)

    def needed(length):
        # Work on a chunk takes up to four times what is stored of it: cotangents, and
        # copies laid out for products. A length that leaves a rest copies all steps.
        copied = _size(steps) if num_steps % length else 0
        carries = math.ceil(num_steps / length) * of_carry
        return 2 * of_params + carries + 4 * length * of_step + copied

    lengths = range(1, num_steps + 1)
    fitting = [length for length in lengths if needed(length) <= memory_budget]
    if not fitting:
        raise ValueError(
            f"memory_budget must be at least {min(map(needed, lengths))} bytes for "
            f"these {num_steps} steps, got {memory_budget}."
        )
    return max(fitting)


def _kept(run_chunk, params, carry, steps, num_steps):
    """Returns the bytes that the derivative of `num_steps` steps stores."""

    def residuals(params, carry, steps):
        # made from real steps, which have their placement on a mesh
        own = jax.tree.map(lambda x: jnp.concatenate([x[:1]] * num_steps), steps)
        return jax.vjp(run_chunk, params, carry, own)[1]

    return _size(jax.eval_shape(residuals, params, carry, steps))


def _size(tree):
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree))

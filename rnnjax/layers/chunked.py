"""Both directions in a stream: the backward cell looks ahead only a few steps."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import (
    Array,
    Carry,
    Cell,
    Engine,
    Layer,
    Params,
    batch_shape,
    cached,
    check_positive,
)
from rnnjax.engines.hoisted import hoisted
from rnnjax.layers.causal import check_steps
from rnnjax.layers.merging import Merge, concatenate
from rnnjax.layers.recurrent import bidirectional, recurrent
from rnnjax.masking import pad_time, zero_masked
from rnnjax.parameters import check_parts, part


@cached
def chunked_bidirectional(
    cell: Cell,
    backward_cell: Cell | None = None,
    *,
    chunk_length: int,
    look_ahead: int,
    merge: Merge = concatenate,
    engine: Engine = hoisted,
) -> Layer:
    """Makes a bidirectional layer whose backward cell has a limited look-ahead.

    Time is divided into chunks. For each chunk the backward cell starts, with its
    initial carry, `look_ahead` steps after the chunk's end and reads back to its
    beginning; the forward cell reads on from chunk to chunk. So outputs need only
    `look_ahead` steps beyond their chunk, and `read_chunk` can read a stream. Here all
    chunks are read backward at once, as one batch.

    Args:
      cell: the cell that reads forward.
      backward_cell: the cell that reads in reverse; None: one like `cell`, with
        parameters of its own.
      chunk_length: in steps; the last chunk may be shorter.
      look_ahead: in steps, from 0.
      merge: see `bidirectional`.
      engine: how to run them.

    Returns:
      The layer, over the parameters of `bidirectional`; its carry is the forward
      cell's. Not causal. If one chunk holds all steps, its outputs are those of
      `bidirectional`.

    Raises:
      ValueError: if `chunk_length` is not positive or `look_ahead` is negative.

    References:
      Zhang et al., "Highway Long Short-Term Memory RNNs for Distant Speech
      Recognition", ICASSP 2016, for latency-controlled bidirectional networks.
    """
    check_positive(chunk_length=chunk_length)
    if look_ahead < 0:
        raise ValueError(f"look_ahead must be 0 or more, got {look_ahead}.")
    forward = recurrent(cell, engine=engine)
    backward = recurrent(backward_cell or cell, reverse=True, engine=engine)
    both = bidirectional(cell, backward_cell, engine=engine)

    def initial_carry(params, batch_shape=()):
        return forward.initial_carry(params["forward"], batch_shape)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del key
        inputs = jax.tree.map(jnp.asarray, inputs)
        check_steps(inputs, mask, is_first, cell.input_ndim)
        num_steps = jax.tree.leaves(inputs)[0].shape[0]
        if mask is None:
            mask = jnp.ones((num_steps, *batch_shape(inputs, cell.input_ndim)), bool)
        check_parts(params, ("forward", "backward"))
        with part(params, "forward") as own:
            carry, ahead = forward.apply(
                own, carry, inputs, mask=mask, is_first=is_first
            )
        windows = jax.tree.map(
            lambda x: _windows(x, chunk_length, look_ahead), (inputs, mask, is_first)
        )
        with part(params, "backward") as own:
            _, back = backward.apply(
                own, None, windows[0], mask=windows[1], is_first=windows[2]
            )

        def join(ahead, back):
            back = jnp.moveaxis(back[:chunk_length], 0, 1)
            return merge(ahead, back.reshape(-1, *back.shape[2:])[:num_steps])

        return carry, zero_masked(mask, jax.tree.map(join, ahead, back))

    return Layer(both.init, initial_carry, apply, None, cell.input_ndim)


def read_chunk(
    cell: Cell,
    backward_cell: Cell,
    params: Params,
    carry: Carry | None,
    inputs: Any,
    *,
    chunk_length: int,
    mask: Array | None = None,
    is_first: Array | None = None,
    merge: Merge = concatenate,
    engine: Engine = hoisted,
) -> tuple[Carry, Any]:
    """Reads the next chunk of a stream, as in `chunked_bidirectional`.

    Args:
      cell: the cell that reads forward.
      backward_cell: the cell that reads in reverse.
      params: the layer's.
      carry: the carry of the previous chunk; None: the initial carry.
      inputs: `[chunk_length + look_ahead, ..., input_size]`: the chunk and the steps
        after it, fewer at the end of the stream.
      chunk_length: in steps.
      mask: bool like the inputs, true at real steps; None if all are.
      is_first: bool like the inputs, true at the first step of a sequence.
      merge: see `bidirectional`.
      engine: how to run them.

    Returns:
      The carry after the chunk, for the next one, and the outputs of the chunk
      `[chunk_length, ...]`.
    """

    def chunk(tree):
        return jax.tree.map(lambda x: x[:chunk_length], tree)

    forward = recurrent(cell, engine=engine)
    check_parts(params, ("forward", "backward"))
    with part(params, "forward") as own:
        carry, ahead = forward.apply(
            own, carry, chunk(inputs), mask=chunk(mask), is_first=chunk(is_first)
        )
    backward = recurrent(backward_cell, reverse=True, engine=engine)
    with part(params, "backward") as own:
        _, back = backward.apply(own, None, inputs, mask=mask, is_first=is_first)
    return carry, zero_masked(chunk(mask), jax.tree.map(merge, ahead, chunk(back)))


def _windows(x, chunk_length, look_ahead):
    """Cuts `[T, ...]` into `[chunk_length + look_ahead, num_chunks, ...]`."""
    num_chunks = max(1, -(-x.shape[0] // chunk_length))
    x = pad_time(x, 0, num_chunks * chunk_length + look_ahead - x.shape[0])
    starts = [i * chunk_length for i in range(num_chunks)]
    length = chunk_length + look_ahead
    return jnp.stack([x[start : start + length] for start in starts], axis=1)

"""Greedy decoding of a transducer."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Layer, Params, check_positive
from rnnjax.losses.emissions import check_blank, pack
from rnnjax.masking import check_marks, pad_time, select, zero_masked

Join = Callable[[Params, Array, Array], Array]


class Transduced(NamedTuple):
    """The labels that a transducer emitted.

    Attributes:
      tokens: `[L, ...batch]` int32, zeros after the end; L is `max_symbols` per
        frame, one frame at least.
      frames: `[L, ...batch]` int32, the frame at which each was emitted.
      lengths: `[...batch]` int32, their number.
      log_probs: `[...batch]`, of what was chosen, blanks included, nats.
      capped: `[...batch]` int32, the number of frames that emitted `max_symbols`, which
        may have had more to emit.
      carry: to go on with the next frames.
    """

    tokens: Array
    frames: Array
    lengths: Array
    log_probs: Array
    capped: Array
    carry: Any


class _State(NamedTuple):
    """A search; the batch is one axis B.

    Attributes:
      frame: `[B]` int32, the number of real frames that are finished.
      emitted: `[B]` int32, the labels emitted at this frame.
      found: `tokens`, `frames`, `lengths`, `log_probs` and `capped` so far.
      carry: of the prediction network, and what it predicts, `[B, ...]`.
    """

    frame: Array
    emitted: Array
    found: tuple[Array, Array, Array, Array, Array]
    carry: tuple[Any, Array]


def transducer_greedy(
    encoded: Array,
    predictor: Layer,
    join: Join,
    params: tuple[Params, Params],
    *,
    start: int,
    blank: int = 0,
    max_symbols: int = 10,
    mask: Array | None = None,
    carry: Any = None,
) -> Transduced:
    """Takes the best symbol at every step: labels stay at a frame, a blank leaves it.

    All rows run in one loop, each at its own frame, until the slowest one is finished;
    no row depends on another. A model that never prefers the blank would stay at a
    frame forever, hence the cap. A sequence may be decoded in chunks of any size: pass
    each chunk the `carry` of the one before.

    Args:
      encoded: `[T, ...batch, D]`, what the encoder says of each frame, with any values
        at masked frames.
      predictor: a causal layer from tokens `[T, ...batch]` to `[T, ..., P]`.
      join: `(params, encoded, predicted) -> logits`, from `[..., D]` and `[..., P]` to
        `[..., V]`; the same function at each call, or it is compiled anew.
      params: those of the predictor and those of `join`.
      start: the token that the predictor reads first.
      blank: index of the blank.
      max_symbols: the most labels of a frame.
      mask: `[T, ...batch]` bool, true at real frames; None if all are.
      carry: what the chunk before returned; None: there is none.

    Returns:
      The labels.

    Raises:
      ValueError: if the predictor is not causal, `max_symbols` is not positive, shapes
        or dtypes do not fit, or the blank is not in the vocabulary.

    Example:
      Every frame holds the label to emit; having emitted it, the sum has its maximum at
      the blank.

      >>> encoded = jax.nn.one_hot(jnp.array([3, 0, 2]), 4)
      >>> last = rnnjax.layers.pointwise(
      ...     lambda key, input_size: {}, lambda params, x: jax.nn.one_hot(x, 4),
      ...     input_ndim=0,
      ... )
      >>> def join(params, encoded, predicted):
      ...     return 2 * encoded - 3 * predicted + jnp.array([1.0, 0, 0, 0])
      >>> found = transducer_greedy(encoded, last, join, ({}, {}), start=1)
      >>> found.tokens[: found.lengths], found.frames[: found.lengths]
      (Array([3, 2], dtype=int32), Array([0, 2], dtype=int32))

    References:
      Graves, "Sequence Transduction with Recurrent Neural Networks", 2012, section 2.6.
    """
    encoded = jnp.asarray(encoded)
    if encoded.ndim < 2:
        raise ValueError(f"encoded must be [T, ..., D], got shape {encoded.shape}.")
    if predictor.step is None:
        raise ValueError("predictor must be causal, got a layer without a step.")
    check_positive(max_symbols=max_symbols)
    check_marks("mask", mask, encoded.shape[:-1])
    num_steps, *batch, size = encoded.shape
    rows = (num_steps, math.prod(batch))
    mask = jnp.ones(rows, bool) if mask is None else jnp.reshape(mask, rows)
    *found, carry = _search(
        (predictor, join, blank, max_symbols),
        params,
        encoded.reshape(*rows, size),
        mask,
        start,
        carry,
    )
    found = [x.reshape(*x.shape[:-1], *batch) for x in found]
    return Transduced(*found, carry=carry)


@functools.partial(jax.jit, static_argnums=0)
def _search(options, params, encoded, mask, start, carry):
    predictor, join, blank, max_symbols = options
    predictor_params, join_params = params
    if not len(encoded):  # a frame of padding, since there must be one to look at
        encoded, mask = (pad_time(x, 0, 1) for x in (encoded, mask))
    num_steps, num_rows, _ = encoded.shape
    encoded = zero_masked(mask, encoded)
    order, num_frames = pack(mask, mask)
    rows = jnp.arange(num_rows)
    if carry is None:
        first = predictor.initial_carry(predictor_params, (num_rows,))
        tokens = jnp.full(num_rows, start, jnp.int32)
        carry = predictor.step(predictor_params, first, tokens)
    logits = jax.eval_shape(join, join_params, encoded[:1].sum(0), carry[1])
    check_blank(blank, logits.shape[-1])

    def body(state):
        tokens, frames, lengths, log_probs, capped = state.found
        active = state.frame < num_frames
        frame = order[jnp.minimum(state.frame, num_steps - 1), rows]
        logits = join(join_params, encoded[frame, rows], state.carry[1])
        nats = jax.nn.log_softmax(logits.astype(log_probs.dtype))
        symbol = jnp.argmax(nats, axis=-1).astype(jnp.int32)
        emits = active & (symbol != blank)
        place = jnp.where(emits, lengths, len(tokens))
        emitted = state.emitted + emits
        full = emits & (emitted == max_symbols)
        leaves = active & (~emits | full)
        found = (
            tokens.at[place, rows].set(symbol, mode="drop"),
            frames.at[place, rows].set(frame, mode="drop"),
            lengths + emits,
            log_probs + jnp.where(active, nats.max(axis=-1), 0),
            capped + full,
        )
        new_carry, predicted = predictor.step(
            predictor_params, state.carry[0], jnp.where(emits, symbol, 0), mask=emits
        )
        predicted = select(emits, predicted, state.carry[1])
        return _State(
            state.frame + leaves,
            jnp.where(leaves, 0, emitted),
            found,
            (new_carry, predicted),
        )

    none = jnp.zeros(num_rows, jnp.int32)
    symbols = jnp.zeros((num_steps * max_symbols, num_rows), jnp.int32)
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    found = (symbols, symbols, none, jnp.zeros(num_rows, dtype), none)
    state = jax.lax.while_loop(
        lambda state: jnp.any(state.frame < num_frames),
        body,
        _State(none, none, found, carry),
    )
    return *state.found, state.carry

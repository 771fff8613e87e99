"""The hypotheses of a beam search: those that go on and the best that ended.

The beams are the first axis of a hypothesis, before the batch; K of them are kept.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.decoding.penalties import LengthPenalty
from rnnjax.decoding.top_k import top_k


class Live(NamedTuple):
    """Hypotheses that go on.

    Attributes:
      log_probs: `[K, ...batch]`; -inf where a beam holds none.
      tokens: `[L, K, ...batch]` int32, zeros where nothing is decoded yet.
      coverage: `[K, ...batch, S]`, the sum of the attention weights so far; or None.
    """

    log_probs: Array
    tokens: Array
    coverage: Array | None


class Ended(NamedTuple):
    """The best hypotheses that ended, the best one first.

    Attributes:
      scores: `[N, ...batch]`, -inf where there is none.
      log_probs: `[N, ...batch]`, under the model.
      lengths: `[N, ...batch]` int32, the end symbol included.
      tokens: `[L, N, ...batch]` int32, zeros after the end.
    """

    scores: Array
    log_probs: Array
    lengths: Array
    tokens: Array


def no_hypotheses(
    num_best: int, num_steps: int, batch: tuple[int, ...], dtype: jax.typing.DTypeLike
) -> Ended:
    """Returns `num_best` empty places."""
    nothing = jnp.full((num_best, *batch), -jnp.inf, dtype)
    lengths = jnp.zeros((num_best, *batch), jnp.int32)
    tokens = jnp.zeros((num_steps, num_best, *batch), jnp.int32)
    return Ended(nothing, nothing, lengths, tokens)


def best_continuations(
    live: Array, log_probs: Array, num_beams: int, handicap: Array | None = None
) -> tuple[Array, Array, Array]:
    """Chooses the best continuations of all beams of a row by one token.

    Each beam gives its min(K, V) best, and the best K of all are taken. Of equal ones
    the one of the first beam, then of the first token, comes first.

    Args:
      live: `[J, ...batch]`, the log-probabilities of the hypotheses to continue.
      log_probs: `[J, ...batch, V]`, those of the next token; -inf where it is not
        allowed.
      num_beams: K.
      handicap: `[...batch, V]`, which is subtracted from the log-probabilities for the
        choice alone; None: nothing.

    Returns:
      The continuations' log-probabilities, the beams they continue and their tokens,
      `[K, ...batch]`. Where there are fewer than K, -inf, 0 and 0.
    """
    totals = live[..., None] + log_probs
    ranks = totals if handicap is None else totals - handicap
    num_each = min(num_beams, log_probs.shape[-1])
    values, tokens = top_k(ranks, num_each)
    values, tokens = (_beams_last(x) for x in (values, tokens))
    chosen, places = jax.lax.top_k(values, min(num_beams, values.shape[-1]))
    beams = places // num_each
    tokens = jnp.take_along_axis(tokens, places, axis=-1)
    if handicap is not None:
        chosen += jnp.take_along_axis(handicap, tokens, axis=-1)
    missing = num_beams - chosen.shape[-1]
    widths = [(0, 0)] * (chosen.ndim - 1) + [(0, missing)]
    chosen = jnp.pad(chosen, widths, constant_values=-jnp.inf)
    beams, tokens = jnp.pad(beams, widths), jnp.pad(tokens, widths)
    chosen, beams, tokens = (jnp.moveaxis(x, -1, 0) for x in (chosen, beams, tokens))
    return chosen, beams, tokens


def _beams_last(x):
    """Reshapes `[J, ...batch, k]` to `[...batch, J k]`, beam after beam."""
    return jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], -1)


def extend(live: Live, step: Array, chosen: tuple[Array, Array, Array]) -> Live:
    """Continues hypotheses.

    Args:
      live: J hypotheses.
      step: the number of tokens decoded before.
      chosen: what `best_continuations` returned.

    Returns:
      K hypotheses.
    """
    log_probs, beams, tokens = chosen
    history = jnp.take_along_axis(live.tokens, beams[None], axis=1)
    coverage = live.coverage
    if coverage is not None:
        coverage = jnp.take_along_axis(coverage, beams[..., None], axis=0)
    return Live(log_probs, history.at[step].set(tokens), coverage)


def keep_best(ended: Ended, live: Live, scores: Array, length: Array) -> Ended:
    """Keeps the best of those that ended before and those that end now.

    Args:
      ended: the N best before.
      live: hypotheses, of which some end.
      scores: `[K, ...batch]`, -inf where a hypothesis does not end.
      length: their number of tokens.

    Returns:
      The N best; of equal ones the one that ended first.
    """
    lengths = jnp.full_like(scores, length, jnp.int32)
    both = jnp.concatenate([ended.scores, scores])
    best, places = jax.lax.top_k(jnp.moveaxis(both, 0, -1), len(ended.scores))
    best, places = jnp.moveaxis(best, -1, 0), jnp.moveaxis(places, -1, 0)

    def take(before, now, axis=0):
        both = jnp.concatenate([before, now], axis)
        index = places[None] if axis else places
        return jnp.take_along_axis(both, index, axis)

    exists = best > -jnp.inf
    return Ended(
        best,
        jnp.where(exists, take(ended.log_probs, live.log_probs), -jnp.inf),
        jnp.where(exists, take(ended.lengths, lengths), 0),
        jnp.where(exists, take(ended.tokens, live.tokens, 1), 0),
    )


def best_within_reach(
    live: Array, step: Array, num_steps: int, penalty: LengthPenalty
) -> Array:
    """Bounds the score of whatever the live hypotheses become.

    Log-probabilities only fall. So a hypothesis of log-probability p that has `step`
    tokens scores at most p / max penalty(n), n being any length it can still reach.

    Args:
      live: `[K, ...batch]`, their log-probabilities.
      step: number of tokens decoded.
      num_steps: the largest length.
      penalty: the divisor of a log-probability, by the length.

    Returns:
      `[...batch]`, -inf where nothing goes on.
    """
    lengths = jnp.arange(1, num_steps + 1)
    reachable = lengths >= jnp.minimum(step + 1, num_steps)
    divisor = jnp.max(jnp.where(reachable, penalty(lengths), 0))
    return jnp.max(live, axis=0) / divisor.astype(live.dtype)

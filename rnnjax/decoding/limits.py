"""What restricts a search, and checks of it that need the vocabulary's size."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.core import Tracer

from rnnjax.base import Array
from rnnjax.decoding.constraints import Constraint
from rnnjax.decoding.penalties import CoveragePenalty, LengthPenalty
from rnnjax.masking import check_marks


class Options(NamedTuple):
    """What a search is compiled for; see `beam_search`."""

    num_steps: int
    beam_size: int
    num_groups: int
    diversity: float
    num_best: int
    ends: tuple[int, ...]
    penalty: LengthPenalty
    constraints: tuple[Constraint, ...]
    coverage: CoveragePenalty | None


class Limits(NamedTuple):
    """What restricts the hypotheses of each row.

    Attributes:
      prefix: `[L, ...batch]`, the tokens to take, -1 where any may be taken.
      vocabulary: bool that broadcasts to `[...batch, V]`, or None.
      memory_mask: `[...batch, S]` bool, or None.
    """

    prefix: Array
    vocabulary: Array | None
    memory_mask: Array | None


def restrict(
    options: Options, limits: Limits, tokens: Array, step: Array, log_probs: Array
) -> Array:
    """Sets the log-probabilities of tokens that may not come next to -inf.

    Args:
      options: what the search is compiled for.
      limits: what restricts each row.
      tokens: `[L, K, ...batch]`, of which the first `step` are decoded.
      step: number of tokens decoded.
      log_probs: `[K, ...batch, V]`, of the next token.

    Returns:
      `[K, ...batch, V]`, not normalized again.
    """
    vocab_size = log_probs.shape[-1]
    allowed = [own(tokens, step, vocab_size) for own in options.constraints]
    if limits.vocabulary is not None:
        allowed.append(limits.vocabulary)
    free = log_probs
    for own in allowed:
        free = jnp.where(own, free, -jnp.inf)
    forced = jnp.take(limits.prefix, step, axis=0)[..., None]
    is_forced = jnp.arange(vocab_size) == forced
    return jnp.where(forced < 0, free, jnp.where(is_forced, log_probs, -jnp.inf))


def check_tokens(
    options: Options,
    batch: tuple[int, ...],
    vocab_size: int,
    vocabulary: Array | None,
) -> None:
    """Checks what concerns the vocabulary, which is known from the logits alone.

    Raises:
      ValueError: if an end symbol is not in the vocabulary, `vocabulary` does not have
        its width, or the constraints leave no token to begin with.
    """
    for end in options.ends:
        if not 0 <= end < vocab_size:
            raise ValueError(f"end must be a token below {vocab_size}, got {end}.")
    if vocabulary is not None and vocabulary.shape[-1] != vocab_size:
        raise ValueError(
            f"vocabulary must have a last axis of {vocab_size}, got shape "
            f"{vocabulary.shape}."
        )
    with jax.ensure_compile_time_eval():
        nothing = jnp.zeros((options.num_steps, 1, *batch), jnp.int32)
        allowed = jnp.ones(vocab_size, bool)
        for constraint in options.constraints:
            allowed &= constraint(nothing, jnp.zeros((), jnp.int32), vocab_size)
        if not isinstance(allowed, Tracer) and not allowed.any(axis=-1).all():
            raise ValueError(
                "constraints must leave a token to begin with, got none in a row."
            )


def check_memory_mask(memory_mask: Array, weights: Array | None) -> None:
    """Checks the mask of a memory against the attention weights `[..., S]`.

    Raises:
      ValueError: if there are no weights, or the mask is not bool or not of the shape
        `[S, ...batch]`.
    """
    if weights is None:
        raise ValueError("memory_mask must come with a coverage, got it alone.")
    shape = (weights.shape[-1], *weights.shape[1:-1])
    check_marks("memory_mask", memory_mask, shape)

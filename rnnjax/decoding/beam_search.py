"""Beam search over any layer that streams, with a certificate of its end."""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from rnnjax.base import Array, Carry, Layer, Params, check_positive
from rnnjax.decoding.constraints import Constraint
from rnnjax.decoding.limits import Options
from rnnjax.decoding.penalties import CoveragePenalty, LengthPenalty, no_penalty
from rnnjax.decoding.search import search
from rnnjax.masking import check_marks


class Beams(NamedTuple):
    """What a beam search found, the best hypothesis of each row first.

    Where a row has fewer than N hypotheses, the others have a score of -inf and a
    length of 0.

    Attributes:
      tokens: `[L, N, ...batch]` int32, zeros after the end. A hypothesis that was cut
        has no end symbol.
      lengths: `[N, ...batch]` int32, the end symbol included.
      scores: `[N, ...batch]`, by which they are ordered.
      log_probs: `[N, ...batch]`, under the model, nats, without any penalty.
      closed: `[...batch]` bool, true if the row was finished before `num_steps` cut it:
        nothing that the search still held could have come among the N best. Where it is
        false, hypotheses of `num_steps` tokens without an end are among them.
      bounds: `[...batch]`, the best score that a hypothesis still held could have
        reached within `num_steps` when its row was closed or cut; -inf if none was
        held. Where a row is closed it is at most the last score.
      num_run: number of steps computed, int32; the slowest row decides.
    """

    tokens: Array
    lengths: Array
    scores: Array
    log_probs: Array
    closed: Array
    bounds: Array
    num_run: Array


def beam_search(
    layer: Layer,
    params: Params,
    prompt: Array,
    num_steps: int,
    *,
    beam_size: int,
    end: int | Sequence[int],
    penalty: LengthPenalty = no_penalty,
    num_best: int = 1,
    carry: Carry | None = None,
    mask: Array | None = None,
    prefix: Array | None = None,
    vocabulary: Array | None = None,
    constraints: Sequence[Constraint] = (),
    coverage: CoveragePenalty | None = None,
    memory_mask: Array | None = None,
    num_groups: int = 1,
    diversity: float = 0.5,
) -> Beams:
    """Searches for the likeliest continuations, K hypotheses at a time.

        score(y) = log P(y) / penalty(|y|) + coverage(y)

    At every step the K best of all continuations are kept, by log P. Those among them
    that end give up their places for that step, so that a beam of 1 is greedy decoding
    under any penalty. Log-probabilities only fall, so a row is finished as soon as no
    hypothesis can still score higher than its N-th best. The result is the same as that
    of running to the end, and depends on no other row of the batch.

    The layer runs under `jax.vmap` over the beams with the parameters shared, so a
    memory that is bound in `params` exists once.

    Args:
      layer: a causal layer from tokens `[T, ...batch]` to logits `[T, ..., V]`, or to a
        dict of those `outputs` and of attention `weights` `[T, ..., S]`.
      params: its parameters.
      prompt: `[P, ...batch]` integer tokens, at least one, read first; such as a start
        symbol.
      num_steps: L, the most tokens of a hypothesis.
      beam_size: K.
      end: the end symbol, or several of which any ends a hypothesis.
      penalty: the divisor of a log-probability by the length, positive: `no_penalty`,
        `length_penalty(alpha)`, `gnmt_penalty(alpha)` or another function.
      num_best: N, at most the number of beams of a group.
      carry: the carry before the prompt; None: the initial one.
      mask: `[P, ...batch]` bool, true at the real tokens of the prompt, for prompts of
        unequal lengths. A row without any has no hypothesis.
      prefix: `[Q, ...batch]` integer tokens that hypotheses must begin with, whatever
        the constraints say; -1 where any token is allowed. Their log-probabilities
        count.
      vocabulary: bool that broadcasts to `[...batch, V]`, true for the tokens allowed.
      constraints: functions of the tokens so far; see `rnnjax.decoding.constraints`. A
        hypothesis that can take no token is dropped.
      coverage: `coverage_penalty(beta)` or another function of the summed attention
        weights, at most 0. It decides between hypotheses that ended.
      memory_mask: `[S, ...batch]` bool, true at the real positions of the memory, for
        the coverage.
      num_groups: number of groups that share the beams. More than one is diverse beam
        search: the groups choose in turn, and each avoids the tokens that those before
        it chose at the same step. The N best of each are returned, group after group.
      diversity: what a group's choice subtracts from a token's log-probability for
        every earlier group's hypothesis that took the token. Scores do not contain it.

    Returns:
      The hypotheses and the certificate.

    Raises:
      ValueError: if the layer is not causal, a size is not positive, `num_best` is more
        than the beams of a group, `num_groups` does not divide `beam_size`,
        `diversity` is negative, the prompt, mask, prefix, vocabulary or `memory_mask`
        has the wrong shape or type, the prefix is longer than `num_steps`, the
        vocabulary or a constraint leaves no token, `end` is not in the vocabulary, or
        there is a coverage penalty and the layer shows no attention weights.

    Example:
      >>> table = jnp.log(jnp.array([[0.1, 0.5, 0.4], [0.4, 0.3, 0.3], [0.9, 0.1, 0]]))
      >>> chain = rnnjax.layers.pointwise(
      ...     lambda key, size: {}, lambda params, token: table[token], input_ndim=0
      ... )
      >>> start = jnp.array([0])
      >>> greedy = beam_search(chain, {}, start, 4, beam_size=1, end=0)
      >>> found = beam_search(chain, {}, start, 4, beam_size=2, end=0, num_best=2)
      >>> greedy.tokens[:, 0].tolist(), found.tokens[:, 0].tolist()
      ([1, 0, 0, 0], [2, 0, 0, 0])
      >>> [f"{p:.2f}" for p in jnp.exp(found.log_probs)], found.closed.item()
      (['0.36', '0.20'], True)

    References:
      Graves, "Sequence Transduction with Recurrent Neural Networks", 2012; Sutskever,
      Vinyals and Le, "Sequence to Sequence Learning with Neural Networks", NeurIPS
      2014, section 3.2; Huang, Zhao and Ma, "When to Finish? Optimal Beam Search for
      Neural Text Generation", EMNLP 2017, for the stop; Vijayakumar et al., "Diverse
      Beam Search", AAAI 2018, for the groups.
    """
    check_positive(
        num_steps=num_steps,
        beam_size=beam_size,
        num_best=num_best,
        num_groups=num_groups,
    )
    if beam_size % num_groups:
        raise ValueError(
            f"num_groups must divide beam_size = {beam_size}, got {num_groups}."
        )
    if num_best > beam_size // num_groups:
        raise ValueError(
            f"num_best must be at most {beam_size // num_groups}, the beams of a "
            f"group, got {num_best}."
        )
    if not diversity >= 0:
        raise ValueError(f"diversity must be 0 or more, got {diversity}.")
    prompt = jnp.asarray(prompt)
    check_prompt(prompt)
    check_marks("mask", mask, prompt.shape)
    batch = prompt.shape[1:]
    options = Options(
        num_steps,
        beam_size,
        num_groups,
        float(diversity) if num_groups > 1 else 0.0,
        num_best,
        (end,) if isinstance(end, int | np.integer) else tuple(end),
        penalty,
        tuple(constraints),
        coverage,
    )
    found = _search(
        layer,
        options,
        params,
        prompt,
        carry,
        mask,
        _checked_prefix(prefix, num_steps, batch),
        _checked_vocabulary(vocabulary),
        memory_mask,
    )
    return Beams(*found)


_search = functools.partial(jax.jit, static_argnums=(0, 1))(search)


def check_prompt(prompt: Array) -> None:
    """Checks a prompt of tokens.

    Raises:
      ValueError: if it holds no token or is not of integers.
    """
    if prompt.ndim == 0 or prompt.shape[0] == 0:
        raise ValueError(f"prompt must hold a token, got shape {prompt.shape}.")
    if not jnp.issubdtype(prompt.dtype, jnp.integer):
        raise ValueError(f"prompt must be integer tokens, got {prompt.dtype}.")


def _checked_prefix(prefix: Any, num_steps: int, batch: tuple[int, ...]) -> Array:
    """Returns the prefix with the free steps that follow it."""
    if prefix is None:
        prefix = jnp.zeros((0, *batch), jnp.int32)
    prefix = jnp.asarray(prefix)
    if not jnp.issubdtype(prefix.dtype, jnp.integer) or prefix.shape[1:] != batch:
        raise ValueError(
            f"prefix must be integers of shape {('Q', *batch)}, got {prefix.dtype} of "
            f"shape {prefix.shape}."
        )
    if len(prefix) > num_steps:
        raise ValueError(
            f"prefix must have at most num_steps = {num_steps} steps, got "
            f"{len(prefix)}."
        )
    free = jnp.full((num_steps - len(prefix), *batch), -1, prefix.dtype)
    return jnp.concatenate([prefix, free])


def _checked_vocabulary(vocabulary: Any) -> Array | None:
    if vocabulary is None:
        return None
    vocabulary = jnp.asarray(vocabulary)
    if vocabulary.dtype != bool or vocabulary.ndim == 0:
        raise ValueError(
            f"vocabulary must be bool with an axis of tokens, got {vocabulary.dtype} "
            f"of shape {vocabulary.shape}."
        )
    if not isinstance(vocabulary, Tracer) and not np.any(vocabulary, axis=-1).all():
        raise ValueError("vocabulary must leave a token in every row, got none in one.")
    return vocabulary

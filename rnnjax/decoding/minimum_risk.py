"""Minimum Bayes risk decoding: the sample most like all the others."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array

Utility = Callable[[Array, Array, Array, Array], Array]


class MinimumRisk(NamedTuple):
    """The sequence of the highest expected utility, and those of all candidates.

    Attributes:
      tokens: `[L, ...batch]`, of the sequence chosen.
      lengths: `[...batch]`, its length.
      index: `[...batch]` int32, which of the candidates it is.
      utilities: `[N, ...batch]`, the expected utility of every candidate.
    """

    tokens: Array
    lengths: Array
    index: Array
    utilities: Array


def minimum_risk(tokens: Array, lengths: Array, utility: Utility) -> MinimumRisk:
    """Chooses the sample whose mean utility under all samples is the highest.

        argmax_y (1/N) ∑ₙ utility(y, yₙ)

    The samples stand for what the model holds possible, so they should be drawn from it
    without truncation; the best of a beam search are not such samples. Every sample is
    compared with itself too.

    Args:
      tokens: `[L, N, ...batch]`, N samples for each row.
      lengths: `[N, ...batch]` integers, their lengths.
      utility: `(candidate [L], its length, reference [L], its length) -> scalar`, the
        higher the better, such as `unigram_f1`. If it is not a function of JAX, compute
        the utilities yourself and pass them to `expected_utilities`.

    Returns:
      The first of the best samples, and the expected utilities of all.

    Raises:
      ValueError: if the lengths do not have the shape of the tokens without the first
        axis, or there is no sample.

    Example:
      >>> samples = jnp.array([[1, 1, 2], [2, 2, 5], [3, 4, 6]])  # three, of 3 tokens
      >>> found = minimum_risk(samples, jnp.array([3, 3, 3]), unigram_f1)
      >>> found.tokens
      Array([1, 2, 3], dtype=int32)

    References:
      Kumar and Byrne, "Minimum Bayes-Risk Decoding for Statistical Machine
      Translation", NAACL 2004; Eikema and Aziz, "Is MAP Decoding All You Need? The
      Inadequacy of the Mode in Neural Machine Translation", COLING 2020, for unbiased
      samples.
    """
    tokens, lengths = jnp.asarray(tokens), jnp.asarray(lengths)
    if lengths.shape != tokens.shape[1:] or lengths.ndim == 0 or not len(lengths):
        raise ValueError(
            f"lengths must have shape (N, *batch) of at least one sample, the tokens' "
            f"without the first axis, got {lengths.shape} for {tokens.shape}."
        )
    num_steps, num_samples, *batch = tokens.shape
    rows = jnp.moveaxis(tokens.reshape(num_steps, num_samples, -1), 0, -1)
    of_references = jax.vmap(utility, in_axes=(None, None, 0, 0))
    of_pairs = jax.vmap(of_references, in_axes=(0, 0, None, None))
    of_rows = jax.vmap(of_pairs, in_axes=1, out_axes=2)
    own = rows, lengths.reshape(num_samples, -1)
    utilities = of_rows(*own, *own).reshape(num_samples, num_samples, *batch)
    expected = expected_utilities(utilities)
    index = jnp.argmax(expected, axis=0).astype(jnp.int32)
    chosen = jnp.take_along_axis(tokens, index[None, None], axis=1)[:, 0]
    length = jnp.take_along_axis(lengths, index[None], axis=0)[0]
    return MinimumRisk(chosen, length, index, expected)


def expected_utilities(utilities: Array, weights: Array | None = None) -> Array:
    """Averages the utilities of candidates over references.

    Args:
      utilities: `[N, M, ...batch]`, of every candidate given every reference.
      weights: `[M, ...batch]`, of the references; None: all weigh the same.

    Returns:
      `[N, ...batch]`; the candidate of the highest has the minimum risk.

    Example:
      >>> expected_utilities(jnp.array([[1.0, 0.0, 0.5], [0.4, 1.0, 0.7]]))
      Array([0.5, 0.7], dtype=float32)
    """
    if weights is None:
        return jnp.mean(utilities, axis=1)
    return jnp.sum(utilities * weights, axis=1) / jnp.sum(weights, axis=0)


def unigram_f1(
    candidate: Array, candidate_length: Array, reference: Array, reference_length: Array
) -> Array:
    """Computes the F1 score of the tokens that two sequences have in common.

    Each token counts as often as it is in both. Two empty sequences score 1.

    Args:
      candidate: `[L]` tokens.
      candidate_length: its length.
      reference: `[L]` tokens.
      reference_length: its length.

    Returns:
      The score, from 0 to 1.

    Example:
      >>> one, other = jnp.array([7, 7, 3, 0]), jnp.array([7, 5, 7, 7])
      >>> unigram_f1(one, 3, other, 4)  # both have two 7s
      Array(0.5714286, dtype=float32)
    """
    num_steps = len(candidate)
    steps = jnp.arange(num_steps)
    is_own, is_other = steps < candidate_length, steps < reference_length
    is_same = (candidate[:, None] == candidate) & is_own
    rank = jnp.sum(is_same & (steps < steps[:, None]), axis=1)
    available = jnp.sum((candidate[:, None] == reference) & is_other, axis=1)
    common = jnp.sum(is_own & (rank < available))
    total = candidate_length + reference_length
    return jnp.where(total == 0, 1.0, 2 * common / jnp.maximum(total, 1))

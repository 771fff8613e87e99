"""Decoders of a conditional random field: the best tags, the n best, and samples."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Params, check_positive
from rnnjax.losses.chains import find_last
from rnnjax.losses.crf import CRF, checked, potentials_of
from rnnjax.losses.semirings import LOG, MAX, k_best


class BestTags(NamedTuple):
    """The best tag sequences.

    Attributes:
      tags: `[T, ...batch]` int32, zero at masked steps. The `n` best have an axis of n
        in front, the best first.
      score: `[...batch]`, before normalization: subtract `crf_log_partition` for the
        log-probability. -inf where there is no such sequence; its tags mean nothing.
    """

    tags: Array
    score: Array


def viterbi(
    tagger: CRF, params: Params, emissions: Array, mask: Array | None = None
) -> BestTags:
    """Finds the most probable tags that the constraints allow.

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores, with any values at masked steps.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      The tags `[T, ...batch]` and their score `[...batch]`.

    Raises:
      ValueError: if an argument has another shape or dtype.

    Example:
      >>> from rnnjax.losses.crf import crf
      >>> from rnnjax.losses.tag_constraints import bio_constraints
      >>> tagger = crf(3, constraints=bio_constraints(("O", "B-PER", "I-PER")))
      >>> params = tagger.init(jax.random.key(0))
      >>> viterbi(tagger, params, jnp.array([[0.0, 1, 9], [3, 0, 0], [0, 1, 2]])).tags
      Array([1, 0, 1], dtype=int32)
    """
    emissions, mask = checked(tagger, params, emissions, mask)
    return _viterbi(tagger, params, emissions, mask)


def n_best_tags(
    tagger: CRF, params: Params, emissions: Array, n: int, mask: Array | None = None
) -> BestTags:
    """Finds the n most probable tag sequences, all different.

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores, with any values at masked steps.
      n: number of sequences.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      The tags `[n, T, ...batch]` and their scores `[n, ...batch]`, the best first.

    Raises:
      ValueError: if an argument has another shape or dtype, or `n` is not positive.
    """
    check_positive(n=n)
    emissions, mask = checked(tagger, params, emissions, mask)
    return _n_best(tagger, n, params, emissions, mask)


def sample_tags(
    tagger: CRF,
    params: Params,
    emissions: Array,
    num_samples: int,
    key: Array,
    mask: Array | None = None,
) -> Array:
    """Draws tag sequences from their distribution, exactly.

    From the last step to the first, each tag is drawn given the next one, with weights
    that sum over all tags before it.

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores, with any values at masked steps.
      num_samples: number of sequences to draw.
      key: the source of randomness.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[num_samples, T, ...batch]` int32, zero at masked steps. Where no sequence is
      allowed the tags mean nothing.

    Raises:
      ValueError: if an argument has another shape or dtype, or `num_samples` is not
        positive.
    """
    check_positive(num_samples=num_samples)
    emissions, mask = checked(tagger, params, emissions, mask)
    return _sample(tagger, num_samples, params, emissions, mask, key)


@functools.partial(jax.jit, static_argnums=0)
def _viterbi(tagger, params, emissions, mask):
    potentials = potentials_of(tagger, params)
    score, vectors = tagger.chain.forward(MAX, potentials, emissions, mask)
    tags = _trace(tagger, potentials, vectors, mask)
    return BestTags(tags, score)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _n_best(tagger, n, params, emissions, mask):
    """The derivative of each score is 1 on its path, and 0 elsewhere."""

    def score(emissions):
        potentials = potentials_of(tagger, params)
        total, _ = tagger.chain.forward(k_best(n), potentials, emissions, mask)
        return total

    scores, pull_back = jax.vjp(score, emissions)
    batch_axes = (1,) * (scores.ndim - 1)
    one_of_them = jnp.eye(n, dtype=scores.dtype).reshape(n, n, *batch_axes)
    (on_path,) = jax.vmap(pull_back)(jnp.broadcast_to(one_of_them, (n, *scores.shape)))
    return BestTags(jnp.argmax(on_path, axis=-1).astype(jnp.int32), scores)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _sample(tagger, num_samples, params, emissions, mask, key):
    potentials = potentials_of(tagger, params)
    _, vectors = tagger.chain.forward(LOG, potentials, emissions, mask)

    def draw(key):
        keys = jax.vmap(functools.partial(jax.random.fold_in, key))(
            jnp.arange(len(vectors))
        )
        noise = jax.vmap(
            lambda key: jax.random.gumbel(key, vectors.shape[1:], vectors.dtype)
        )(keys)
        return _trace(tagger, potentials, vectors + noise, mask)

    return jax.vmap(draw)(jax.random.split(key, num_samples))


def _trace(tagger, potentials, weights, mask):
    """Chooses the tags of greatest weight from the last step to the first."""

    def choose(inputs, next_tag):
        weights, is_last = inputs
        to_next = potentials.transitions.T[next_tag]
        following = jnp.where(is_last[..., None], potentials.end, to_next)
        return jnp.argmax(weights + following, axis=-1).astype(jnp.int32)

    inputs = (weights, find_last(mask))
    return tagger.chain.trace(choose, inputs, mask, tagger.num_tags)

"""The loss of a conditional random field, and what its constraints say about tags."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from rnnjax.base import Array, Params
from rnnjax.losses.chains import find_first, find_last
from rnnjax.losses.crf import CRF, checked, potentials_of, run_forward
from rnnjax.losses.semirings import LOG
from rnnjax.masking import check_marks, zero_masked


def crf_cross_entropy(
    tagger: CRF,
    params: Params,
    emissions: Array,
    tags: Array,
    mask: Array | None = None,
) -> Array:
    """Computes -log p(tags), the cross entropy of whole sequences.

    Tags that the constraints forbid have probability 0. Where the tags are known they
    are refused. Under `jax.jit` such a sequence has the loss inf with a gradient of
    zero, and `crf_allows` tells which they are; a tag outside the range gives NaN.

    Args:
      tagger: the CRF.
      params: its parameters.
      emissions: `[T, ..., N]` scores, with any values at masked steps.
      tags: `[T, ...batch]` integers below N, with any values at masked steps.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[...batch]`, nats per sequence.

    Raises:
      ValueError: if an argument has another shape or dtype, a known tag is outside the
        range, or the constraints forbid known tags.
    """
    emissions, mask = checked(tagger, params, emissions, mask)
    tags = _check_tags(tagger, tags, mask)
    return _cross_entropy(tagger, params, emissions, tags, mask)


def crf_allows(tagger: CRF, tags: Array, mask: Array | None = None) -> Array:
    """Says which sequences of tags the constraints allow.

    Args:
      tagger: the CRF.
      tags: `[T, ...batch]` integers below N.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[...batch]` bool.

    Raises:
      ValueError: if the tags are not integers, or the mask has another shape or dtype.
    """
    tags = jnp.asarray(tags)
    _check_integers(tags, tags.shape)
    check_marks("mask", mask, tags.shape)
    mask = jnp.ones(tags.shape, bool) if mask is None else mask
    return ~_find_forbidden(tagger.constraints, tags, mask).any(axis=0)


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _cross_entropy(tagger, params, emissions, tags, mask):
    """Sums over all paths relative to the given one, log Σ exp(score(y') - score(y)).

    Its own score is then 0, so that the loss of a confident model is not what rounding
    leaves of the difference of two large numbers.
    """
    known = ((tags >= 0) & (tags < tagger.num_tags)).all(axis=0)
    tags = jnp.clip(tags, 0, tagger.num_tags - 1)
    potentials = potentials_of(tagger, params)
    chosen, joined = _step_scores(potentials, emissions, tags, mask)
    impossible = chosen + joined == -jnp.inf
    chosen, joined = (jnp.where(impossible, 0, x)[..., None] for x in (chosen, joined))
    # In this order, the terms of the given path cancel without rounding.
    nats = run_forward(tagger, LOG, params, emissions - chosen - joined, mask)
    nats = jnp.where(impossible.any(axis=0), jnp.inf, nats)
    return jnp.where(known, nats, jnp.nan)


def _step_scores(potentials, emissions, tags, mask):
    """Returns what each step adds to the score of the tags, zero where masked.

    First the emissions, then the scores that depend on neighbours: start, transitions
    and end; both `[T, ...batch]`.
    """
    start, transitions, end = potentials
    chosen = jnp.take_along_axis(emissions, tags[..., None], axis=-1)[..., 0]
    arrival = jnp.where(
        find_first(mask), start[tags], transitions[_previous(tags, mask), tags]
    )
    departure = jnp.where(find_last(mask), end[tags], 0)
    return zero_masked(mask, (chosen, arrival + departure))


def _previous(tags, mask):
    """Returns the tag of the last real step before each; any where there is none."""
    steps = jnp.arange(len(mask), dtype=jnp.int32).reshape(-1, *[1] * (mask.ndim - 1))
    latest = jax.lax.cummax(jnp.where(mask, steps, 0))
    return jnp.roll(jnp.take_along_axis(tags, latest, axis=0), 1, axis=0)


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _find_forbidden(constraints, tags, mask):
    """Marks the real steps whose tag may not be where it is, `[T, ...batch]` bool."""
    if constraints is None:
        return jnp.zeros(tags.shape, bool)
    tags = jnp.clip(zero_masked(mask, tags), 0, len(constraints.tags) - 1)
    start, transitions, end = (jnp.array(own) for own in constraints[1:])
    may_be = jnp.where(
        find_first(mask), start[tags], transitions[_previous(tags, mask), tags]
    )
    return mask & ~(may_be & (end[tags] | ~find_last(mask)))


def _check_integers(tags, shape):
    if tags.shape != shape or not jnp.issubdtype(tags.dtype, jnp.integer):
        raise ValueError(
            f"tags must be integers of shape {shape}, "
            f"got {tags.dtype} of shape {tags.shape}."
        )


def _check_tags(tagger, tags, mask):
    tags = jnp.asarray(tags)
    _check_integers(tags, mask.shape)
    tags = zero_masked(mask, tags)
    if isinstance(tags, Tracer):
        return tags
    known = np.asarray(tags)
    outside = known[(known < 0) | (known >= tagger.num_tags)]
    if outside.size:
        raise ValueError(
            f"tags must be from 0 to {tagger.num_tags - 1}, got {outside[0]}."
        )
    forbidden = np.argwhere(_find_forbidden(tagger.constraints, tags, mask))
    if forbidden.size:
        index = tuple(map(int, forbidden[0]))
        name = tagger.constraints.tags[known[index]]
        raise ValueError(
            f"tags must follow the constraints, got {name} at index {index}."
        )
    return tags

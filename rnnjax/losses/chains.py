"""Linear chains of tags: sums over all tag sequences, and paths traced back.

The score of the tags y at the real steps t₁ < t₂ < ... < tₙ of a sequence is

    start(y₁) + Σₖ emissionₖ(yₖ) + Σₖ transitions(yₖ, yₖ₊₁) + end(yₙ),

so that gaps are skipped, padding may be on either side, and a sequence without a real
step has one path, the empty one, of score 0.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.lattices import (
    forward_by_associative_scan,
    forward_by_scan,
    select_elements,
)
from rnnjax.losses.semirings import Element
from rnnjax.masking import zero_masked


class Potentials(NamedTuple):
    """The scores of a chain apart from its emissions; -inf forbids.

    Attributes:
      start: `[N]`, of the first tag.
      transitions: `[N, N]`, of the second index after the first.
      end: `[N]`, of the last tag.
    """

    start: Array
    transitions: Array
    end: Array


class Chain(NamedTuple):
    """A way to run a chain over time: `SCAN` or `ASSOCIATIVE_SCAN`.

    Attributes:
      forward: `(semiring, potentials, emissions, mask) -> (total, vectors)`: the sum
        over all paths, `[...batch]`, and over the paths that end in every tag at every
        step, `[T, ...batch, N]`, without the score of the end.
      trace: `(choose, inputs, mask, num_tags) -> tags`, from the last step to the
        first; `choose(inputs, next_tag)` returns the tag of one step, `[...batch]`.
        Masked steps have tag 0.
    """

    forward: Callable[..., tuple[Element, Element]]
    trace: Callable[..., Array]


def find_first(mask: Array) -> Array:
    """Marks the first real step of every sequence; `[T, ...batch]` bool."""
    return mask & (jnp.cumsum(mask, axis=0) == 1)


def find_last(mask: Array) -> Array:
    """Marks the last real step of every sequence; `[T, ...batch]` bool."""
    return mask & (jax.lax.cumsum(mask.astype(jnp.int32), axis=0, reverse=True) == 1)


def _forward_by_scan(semiring, potentials, emissions, mask):
    """Keeps the batch in the last axes, where sums over tags are fastest."""
    batch_axes = emissions.ndim - 2
    tags = -1 - batch_axes  # the axis of tags of a vector

    def over_batch(scores):
        return scores.reshape(scores.shape + (1,) * batch_axes)

    start, transitions, end = map(over_batch, potentials)
    start, transitions = semiring.lift(start), semiring.lift(transitions)

    def step(vector, inputs):
        emission, is_first, mask = inputs
        column = jax.tree.map(lambda x: jnp.expand_dims(x, tags), vector)
        new = semiring.sum(semiring.multiply(column, transitions), tags - 1)
        new = select_elements(is_first, start, new)
        new = semiring.multiply(new, semiring.lift(emission))
        return select_elements(mask, new, vector)

    emissions = jnp.moveaxis(zero_masked(mask, emissions), -1, 1)
    empty = over_batch(_empty_path(emissions.shape[1], emissions.dtype))
    empty = semiring.lift(jnp.broadcast_to(empty, emissions.shape[1:]))
    inputs = (emissions, find_first(mask), mask)
    last, vectors = forward_by_scan(step, empty, inputs)
    end = jnp.where(mask.any(axis=0), end, 0)
    total = semiring.sum(semiring.multiply(last, semiring.lift(end)), tags)
    return total, jax.tree.map(lambda x: jnp.moveaxis(x, tags, -1), vectors)


def _forward_by_associative_scan(semiring, potentials, emissions, mask):
    start, transitions, end = potentials
    emissions = zero_masked(mask, emissions)
    is_first = find_first(mask)[..., None, None]
    matrices = jnp.where(is_first, start, transitions) + emissions[..., None, :]
    empty = _empty_path(emissions.shape[-1], emissions.dtype)
    empty = jnp.broadcast_to(empty, emissions.shape[1:])
    last, vectors = forward_by_associative_scan(semiring, empty, matrices, mask)
    end = jnp.where(mask.any(axis=0)[..., None], end, 0)
    return semiring.sum(semiring.multiply(last, semiring.lift(end)), -1), vectors


def _empty_path(num_tags, dtype):
    """Returns the scores before the first step: 0 for one state, whichever it is."""
    return jnp.where(jnp.arange(num_tags) == 0, 0, -jnp.inf).astype(dtype)


def _trace_by_scan(choose, inputs, mask, num_tags):
    del num_tags

    def body(next_tag, inputs_and_mask):
        inputs, mask = inputs_and_mask
        tag = jnp.where(mask, choose(inputs, next_tag), next_tag)
        return tag, tag

    start = jnp.zeros(mask.shape[1:], jnp.int32)
    _, tags = jax.lax.scan(body, start, (inputs, mask), reverse=True)
    return zero_masked(mask, tags)


def _trace_by_associative_scan(choose, inputs, mask, num_tags):
    """Composes the maps from the next tag to a step's own."""

    def choices(next_tag):
        tags = jax.vmap(choose, in_axes=(0, None))(inputs, next_tag)
        return jnp.where(mask, tags, next_tag)

    batch = mask.shape[1:]
    every_tag = jnp.arange(num_tags, dtype=jnp.int32)
    maps = jax.vmap(lambda tag: choices(jnp.full(batch, tag)), out_axes=-1)(every_tag)
    maps = jax.lax.associative_scan(
        lambda later, earlier: jnp.take_along_axis(earlier, later, axis=-1),
        maps,
        reverse=True,
    )
    return zero_masked(mask, maps[..., 0])


SCAN = Chain(_forward_by_scan, _trace_by_scan)
ASSOCIATIVE_SCAN = Chain(_forward_by_associative_scan, _trace_by_associative_scan)

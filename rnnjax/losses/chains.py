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
    vector_matrix,
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
        step, `[T, ...batch, N]`, without the score of the end and, for each step, up to
        a constant factor.
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


def _forward_with(run):
    """Makes `Chain.forward` of a function that runs over steps with the batch last."""

    def forward(semiring, potentials, emissions, mask):
        num_tags = emissions.shape[-1]
        tags = -mask.ndim  # the axis of tags of a vector
        emissions = jnp.moveaxis(zero_masked(mask, emissions), -1, 1)

        def over_batch(scores):
            return scores.reshape(*scores.shape, *[1] * (mask.ndim - 1))

        start, transitions, end = map(over_batch, potentials)
        # Before the first step there is one path, the empty one, kept at tag 0.
        empty = jnp.where(jnp.arange(num_tags) == 0, 0, -jnp.inf)
        empty = jnp.broadcast_to(over_batch(empty), emissions.shape[1:])
        scores = (empty.astype(emissions.dtype), start, transitions, emissions)
        last, vectors, factor = run(semiring, *scores, mask)
        end = semiring.lift(jnp.where(mask.any(axis=0), end, 0))
        total = semiring.sum(semiring.multiply(last, end), tags)
        total = semiring.multiply(total, semiring.lift(factor))
        return total, jax.tree.map(lambda x: jnp.moveaxis(x, tags, -1), vectors)

    return forward


def _by_scan(semiring, empty, start, transitions, emissions, mask):
    start, transitions = semiring.lift(start), semiring.lift(transitions)

    def step(vector, inputs):
        emission, is_first = inputs
        new = vector_matrix(semiring, vector, transitions, mask.ndim - 1)
        new = select_elements(is_first, start, new)
        return semiring.multiply(new, semiring.lift(emission))

    inputs = (emissions, find_first(mask))
    return forward_by_scan(semiring, step, semiring.lift(empty), inputs, mask)


def _by_associative_scan(semiring, empty, start, transitions, emissions, mask):
    is_first = find_first(mask)[:, None, None]
    matrices = jnp.where(is_first, start, transitions) + emissions[:, None]
    return forward_by_associative_scan(semiring, empty, matrices, mask)


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


SCAN = Chain(_forward_with(_by_scan), _trace_by_scan)
ASSOCIATIVE_SCAN = Chain(
    _forward_with(_by_associative_scan), _trace_by_associative_scan
)

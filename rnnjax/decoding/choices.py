"""Ways to choose a token from logits at random."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array


class Choice(NamedTuple):
    """A way to choose a token from logits `[..., vocab_size]`.

    Attributes:
      pick: `(random, logits) -> tokens [...]` int32.
      noise: `(key, logits) -> random`, by the shape of the logits alone, so that it can
        be drawn before a loop; None if `pick` takes a key.
    """

    pick: Callable[[Any, Array], Array]
    noise: Callable[[Array, Array], Array] | None = None


def _pick_by_gumbel(key, logits):
    return jax.random.categorical(key, logits).astype(jnp.int32)


gumbel_max = Choice(_pick_by_gumbel)
"""Takes the largest of logits plus Gumbel noise, `jax.random.categorical`."""


def _uniform(key, logits):
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    return jax.random.uniform(key, logits.shape[:-1], dtype)


def _pick_by_inversion(uniform, logits):
    """Takes the first token at which the cumulative probability exceeds a number.

    A sum of floats may grow at a token of probability 0, or fall short of 1 at the last
    token that can be drawn. So only tokens of positive probability count, and the
    number is scaled by the largest sum that one of them has, which it stays below.
    """
    logits = logits.astype(uniform.dtype)
    weights = jnp.exp(logits - logits.max(axis=-1, keepdims=True))
    sums = jnp.where(weights > 0, _cumulative_sum(weights), 0)
    target = uniform[..., None] * sums.max(axis=-1, keepdims=True)
    return jnp.argmax(sums > target, axis=-1).astype(jnp.int32)


inverse_cdf = Choice(_pick_by_inversion, _uniform)
"""Inverts the cumulative distribution at one uniform number per token drawn.

The numbers are drawn for all steps before the loop, so the loop has no random numbers
in it: they take most of the time of a small network on CPUs.
"""

_BLOCK = 16


def _cumulative_sum(x):
    """Sums along the last axis in blocks, as small products: see `inverse_cdf`."""
    size = x.shape[-1]
    if size <= _BLOCK:
        return jnp.cumsum(x, axis=-1)
    padded = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, -size % _BLOCK)])
    blocks = padded.reshape(*x.shape[:-1], -1, _BLOCK)
    upper = jnp.triu(jnp.ones((_BLOCK, _BLOCK), x.dtype))
    inside = jnp.matmul(blocks, upper, precision=jax.lax.Precision.HIGHEST)
    ends = _cumulative_sum(inside[..., -1])
    before = jnp.pad(ends[..., :-1], [(0, 0)] * (ends.ndim - 1) + [(1, 0)])
    return (inside + before[..., None]).reshape(padded.shape)[..., :size]

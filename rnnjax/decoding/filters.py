"""Filters of logits: tokens that are not kept get a logit of -inf."""

import jax
import jax.numpy as jnp
from jax.core import Tracer

from rnnjax.base import Array, check_positive


def keep_top_k(logits: Array, k: int) -> Array:
    """Keeps the k largest logits; of equal ones, those that come first.

    Args:
      logits: `[..., vocab_size]`.
      k: number of tokens to keep; all if the vocabulary has no more.

    Returns:
      `[..., vocab_size]`, -inf where a token is not kept.

    Raises:
      ValueError: if `k` is not a positive whole number.

    Example:
      >>> keep_top_k(jnp.array([1.0, 3.0, 2.0, 3.0]), 2)
      Array([-inf,   3., -inf,   3.], dtype=float32)
    """
    check_positive(k=k)
    if k >= logits.shape[-1]:
        return logits
    _, tokens = jax.lax.top_k(logits, k)
    dropped = jnp.full_like(logits, -jnp.inf)
    kept = jnp.take_along_axis(logits, tokens, axis=-1)
    return jnp.put_along_axis(dropped, tokens, kept, axis=-1, inplace=False)


def keep_top_p(logits: Array, p: float | Array) -> Array:
    """Keeps the most likely tokens until their probabilities sum to at least p.

    A token is kept if the tokens more likely than it have a probability below p
    together: the one that crosses p is kept, so at least one token is, and equally
    likely tokens are kept or dropped together.

    There is no sort. The smallest probability to keep is found by bisection over the
    floating-point numbers, exactly, in as many steps as they have bits.

    Args:
      logits: `[..., vocab_size]`.
      p: above 0 and at most 1; may be traced, and is then not checked.

    Returns:
      `[..., vocab_size]`, -inf where a token is not kept.

    Raises:
      ValueError: if `p` is a number that is not above 0 and at most 1.

    Example:
      >>> keep_top_p(jnp.log(jnp.array([0.2, 0.5, 0.3])), 0.6) > -jnp.inf
      Array([False,  True,  True], dtype=bool)
    """
    if not isinstance(p, Tracer):
        check_top_p(p)
    dtype = jnp.promote_types(logits.dtype, jnp.float32)
    bits = jnp.dtype(dtype).itemsize * 8
    as_integer = jnp.dtype(f"int{bits}")
    weights = jnp.exp((logits - logits.max(axis=-1, keepdims=True)).astype(dtype))
    enough = p * weights.sum(axis=-1, keepdims=True)

    def halve(_, bounds):
        low, high = bounds  # positive floats have the order of their bits
        middle = low + ((high - low) >> 1)
        threshold = jax.lax.bitcast_convert_type(middle, dtype)
        more_likely = jnp.where(weights > threshold, weights, 0)
        too_low = more_likely.sum(axis=-1, keepdims=True) >= enough
        return jnp.where(too_low, middle + 1, low), jnp.where(too_low, high, middle)

    one = jax.lax.bitcast_convert_type(jnp.ones((), dtype), as_integer)
    low = jnp.zeros_like(enough, as_integer)
    least, _ = jax.lax.fori_loop(0, bits - 1, halve, (low, low + one))
    kept = weights >= jax.lax.bitcast_convert_type(least, dtype)
    return jnp.where(kept, logits, -jnp.inf)


def keep_min_p(logits: Array, p: float | Array) -> Array:
    """Keeps tokens at least p times as likely as the most likely one.

    Args:
      logits: `[..., vocab_size]`.
      p: from 0 to 1; may be traced, and is then not checked.

    Returns:
      `[..., vocab_size]`, -inf where a token is not kept.

    Raises:
      ValueError: if `p` is a number that is not from 0 to 1.
    """
    if not isinstance(p, Tracer):
        check_min_p(p)
    least = logits.max(axis=-1, keepdims=True) + jnp.log(p).astype(logits.dtype)
    return jnp.where(logits >= least, logits, -jnp.inf)


def check_temperature(temperature: float) -> None:
    """Checks a temperature.

    Raises:
      ValueError: if it is below 0.
    """
    if not temperature >= 0:
        raise ValueError(f"temperature must be 0 or more, got {temperature}.")


def check_top_p(top_p: float | Array) -> None:
    """Checks the probability that top-p keeps.

    Raises:
      ValueError: if it is not above 0 and at most 1.
    """
    if not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}.")


def check_min_p(min_p: float | Array) -> None:
    """Checks the share of the largest probability that min-p asks for.

    Raises:
      ValueError: if it is not from 0 to 1.
    """
    if not 0 <= min_p <= 1:
        raise ValueError(f"min_p must be from 0 to 1, got {min_p}.")

"""How the score of a hypothesis depends on its length and on what was attended."""

import math
from collections.abc import Callable

import jax.numpy as jnp

from rnnjax.base import Array, cached

LengthPenalty = Callable[[Array], Array]
CoveragePenalty = Callable[[Array, Array | None], Array]


def no_penalty(lengths: Array) -> Array:
    """Returns ones: the score is the log-probability, which favours short sequences.

    Args:
      lengths: any shape, in tokens, the end symbol included.

    Returns:
      The divisor of the log-probability, of the same shape.
    """
    return jnp.ones_like(lengths, dtype=float)


@cached
def length_penalty(alpha: float) -> LengthPenalty:
    """Makes the divisor nᵅ of a log-probability of n tokens.

    With α = 1 the score is the mean log-probability per token.

    Args:
      alpha: α; 0 is `no_penalty`.

    Returns:
      A function of lengths `[...]`, the end symbol included.

    Raises:
      ValueError: if `alpha` is not finite.

    Example:
      >>> length_penalty(1.0)(jnp.array([1, 2, 5]))
      Array([1., 2., 5.], dtype=float32)
    """
    _check_finite(alpha=alpha)

    def divisor(lengths):
        return jnp.asarray(lengths, float) ** alpha

    return divisor


@cached
def gnmt_penalty(alpha: float) -> LengthPenalty:
    """Makes the divisor ((5 + n) / 6)ᵅ of a log-probability of n tokens.

    Args:
      alpha: α, from 0.6 to 1 in the paper; 0 is `no_penalty`.

    Returns:
      A function of lengths `[...]`, the end symbol included.

    Raises:
      ValueError: if `alpha` is not finite.

    Example:
      >>> gnmt_penalty(1.0)(jnp.array([1, 7]))
      Array([1., 2.], dtype=float32)

    References:
      Wu et al., "Google's Neural Machine Translation System: Bridging the Gap between
      Human and Machine Translation", 2016, equation 14.
    """
    _check_finite(alpha=alpha)

    def divisor(lengths):
        return ((5 + jnp.asarray(lengths, float)) / 6) ** alpha

    return divisor


@cached
def coverage_penalty(beta: float, *, floor: float = 1e-3) -> CoveragePenalty:
    """Makes the term of a score that is low where positions were hardly attended.

        β ∑ᵢ log min(cᵢ, 1), where cᵢ = ∑ₜ aₜᵢ ≥ floor

    The sum is over the real positions i of the memory, so padding costs nothing.

    Args:
      beta: β, from 0.
      floor: the least coverage counted, so that a position that was never attended
        costs -β log floor and not infinity.

    Returns:
      A function of the coverage `[..., S]`, the attention weights summed over the
      steps, and of a mask that broadcasts to it or None. It returns `[...]`, at most 0.

    Raises:
      ValueError: if `beta` is negative or not finite, or `floor` is not above 0 and at
        most 1.

    Example:
      >>> coverage, mask = jnp.array([2.0, 1.0, 0.0]), jnp.array([True, True, False])
      >>> coverage_penalty(0.2)(coverage, mask)
      Array(0., dtype=float32)

    References:
      Wu et al., "Google's Neural Machine Translation System: Bridging the Gap between
      Human and Machine Translation", 2016, equation 14, which has no floor.
    """
    _check_finite(beta=beta)
    if beta < 0:
        raise ValueError(f"beta must be 0 or more, got {beta}.")
    if not 0 < floor <= 1:
        raise ValueError(f"floor must be above 0 and at most 1, got {floor}.")

    def penalty(coverage, mask):
        logs = jnp.log(jnp.clip(coverage, floor, 1))
        return beta * jnp.sum(logs if mask is None else jnp.where(mask, logs, 0), -1)

    return penalty


def _check_finite(**values):
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{name} must be finite, got {value}.")

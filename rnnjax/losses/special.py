"""Special functions without cancellation, and quantiles by bisection."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.scipy import special

from rnnjax.base import Array

_SHIFT = 10
_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def stirling_error(x: Array) -> Array:
    """Computes S(x) = log Γ(x) - (x - ½) log x + x - ½ log 2π, for x > 0.

    Differences of log Γ at large arguments, which cancel, are differences of S plus
    terms that can be written with log1p.

        S(x) = S(x + 1) + (x + ½) log(1 + 1/x) - 1,   ten times, then Stirling's series

    Args:
      x: `[...]`, positive.

    Returns:
      `[...]`, with an absolute error near the dtype's precision.

    Example:
      >>> f"{stirling_error(jnp.float32(1.0)):.4f}"  # 1 - ½ log 2π
      '0.0811'
    """
    steps = [(x + i + 0.5) * jnp.log1p(1 / (x + i)) - 1 for i in range(_SHIFT)]
    inverse = 1 / (x + _SHIFT)
    series = jnp.zeros_like(inverse)
    for coefficient in reversed(_SERIES):
        series = series * inverse * inverse + coefficient
    return sum(steps[::-1], series * inverse)


def student_t_log_norm(degrees: Array) -> Array:
    """Computes log Γ((ν + 1)/2) - log Γ(ν/2) - ½ log νπ.

    = a log(1 + 1/2a) - ½ + S(a + ½) - S(a) - ½ log 2π,   a = ν/2
    """
    a = degrees / 2
    near_zero = a * jnp.log1p(0.5 / a) - 0.5
    errors = stirling_error(a + 0.5) - stirling_error(a)
    return near_zero + errors - 0.5 * math.log(2 * math.pi)


def student_t_quantile(degrees: Array, probability: Array) -> Array:
    """Inverts the distribution function of Student's t by bisection of its tail.

    Args:
      degrees: `[...]`, 2 or more.
      probability: `[...]`, above 0 and below 1.

    Returns:
      `[...]`, from -1e6 to 1e6.
    """
    degrees = jnp.asarray(degrees)
    probability = jnp.asarray(probability, degrees.dtype)
    tail = jnp.minimum(probability, 1 - probability)

    def enough(w):  # bisects asinh t
        t = jnp.sinh(w)
        x = degrees / (degrees + t * t)
        return special.betainc(degrees / 2, 0.5, x) / 2 <= tail

    zeros = jnp.zeros(jnp.broadcast_shapes(degrees.shape, tail.shape), degrees.dtype)
    t = jnp.sinh(least(enough, zeros, zeros + math.asinh(1e6)))
    return jnp.where(probability < 0.5, -t, jnp.where(probability == 0.5, 0, t))


def least(
    enough: Callable[[Array], Array], low: Array, high: Array, discrete: bool = False
) -> Array:
    """Finds the least value for which an increasing condition holds, by bisection.

    Args:
      enough: `values -> [...]` bool, false below a point and true from it on.
      low: `[...]`, where to begin.
      high: `[...]`, where to end; returned if `enough` holds nowhere before.
      discrete: whether only whole numbers count; then `low` and `high` are whole.

    Returns:
      `[...]`, exact for whole numbers that the dtype can tell apart, else to the
      dtype's precision of `high - low`.
    """

    def halve(_, bounds):
        low, high = bounds
        middle = low + (high - low) / 2
        middle = jnp.floor(middle) if discrete else middle
        holds = enough(middle)
        lower = middle + 1 if discrete else middle
        return jnp.where(holds, low, lower), jnp.where(holds, middle, high)

    num_halvings = jnp.finfo(low.dtype).bits
    return jax.lax.fori_loop(0, num_halvings, halve, (low, high))[1]

"""Distributions of whole numbers: negative binomial, discretized logistic."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy import special

from rnnjax.base import Array, cached
from rnnjax.losses.densities import Density, split_outputs
from rnnjax.losses.location_scale import (
    LogScaleRange,
    check_range,
    clip_loc,
    deviations,
    sharpen_scale,
)
from rnnjax.losses.special import least, stirling_error

LEAST, MOST = 1e-6, 1e6  # of the mean and the dispersion
MOST_RATE = 2.0**30  # of a Poisson draw, an int32


class NegativeBinomialParams(NamedTuple):
    """Parameters of a negative binomial: mean μ and dispersion α."""

    mean: Array
    dispersion: Array


@cached
def negative_binomial() -> Density:
    """Makes the negative binomial distribution of counts, from 2 outputs.

        p(k) = Γ(k + n) / (Γ(k + 1) Γ(n)) (1 - q)ⁿ qᵏ,   n = 1/α,  q = αμ / (1 + αμ)

    of mean μ and variance μ + αμ². The outputs y give μ = softplus y₁ and
    α = softplus y₂, both clipped to [1e-6, 1e6]. It is computed as Loader's deviance
    form of the binomial, without the cancellation of log Γ at large counts or small α.
    A negative target gives NaN. Draws are floats, so that a layer can read them.

    Returns:
      The density, over `NegativeBinomialParams`. It cannot be sharpened: its spread is
      not a scale.

    References:
      Salinas et al., "DeepAR: Probabilistic forecasting with autoregressive recurrent
      networks", International Journal of Forecasting 2020, for the parameters; Loader,
      "Fast and Accurate Computation of Binomial Probabilities", 2000.
    """

    def params(outputs):
        mean, dispersion = (
            jnp.clip(jax.nn.softplus(raw), LEAST, MOST)
            for raw in split_outputs(outputs, 2)
        )
        return NegativeBinomialParams(mean, dispersion)

    def log_prob(params, targets):
        mean, dispersion = params
        n = 1 / dispersion
        k = jnp.asarray(targets, mean.dtype)
        is_positive = k > 0
        at_zero = -n * jnp.log1p(mean * dispersion)
        above = _negative_binomial(jnp.where(is_positive, k, 1), n, mean)
        nats = jnp.where(is_positive, above, at_zero)
        return jnp.where(k >= 0, nats, jnp.nan)

    def sample(key, params):
        mean, dispersion = params
        gamma_key, poisson_key = jax.random.split(key)
        rate = jax.random.gamma(gamma_key, 1 / dispersion, mean.shape, mean.dtype)
        rate = jnp.minimum(rate * dispersion * mean, MOST_RATE)
        return jax.random.poisson(poisson_key, rate, mean.shape).astype(mean.dtype)

    def cdf(params, targets):
        mean, dispersion = params
        k = jnp.floor(jnp.asarray(targets, mean.dtype))
        probability = special.betainc(
            1 / dispersion, jnp.maximum(k, 0) + 1, 1 / (1 + mean * dispersion)
        )
        return jnp.where(k < 0, 0, probability)

    def quantile(params, probability):
        mean, dispersion = params
        deviation = jnp.sqrt(mean + dispersion * mean * mean)
        # by Cantelli's inequality no quantile is farther above the mean
        bound = mean + deviation * jnp.sqrt(probability / (1 - probability))
        return least(
            lambda k: cdf(params, k) >= probability,
            jnp.zeros_like(bound),
            jnp.ceil(bound),
            discrete=True,
        )

    return Density(
        2, params, log_prob, sample, (), None, cdf, quantile, is_discrete=True
    )


def _negative_binomial(k, n, mean):
    """Computes log p(k) for k > 0 from deviances, each small near the mean."""
    distance = (k - mean) / (n + mean)
    of_n = _deviance(distance, (n + k) / (n + mean))
    of_k = _deviance(-distance * n / k, (n + k) / (n + mean) * (mean / k))
    deviance = n * of_n + k * of_k
    errors = stirling_error(n + k) - stirling_error(n) - stirling_error(k)
    ratio = jnp.log(n) - jnp.log(k) - jnp.log(n + k) - math.log(2 * math.pi)
    return errors - deviance + ratio / 2


def _deviance(x, one_plus_x):
    """Computes x - log(1 + x), where 1 + x, for x near -1, is given as well."""
    near_zero = jnp.log1p(jnp.maximum(x, -0.5))
    return x - jnp.where(x > -0.5, near_zero, jnp.log(one_plus_x))


class LogisticParams(NamedTuple):
    """Parameters of a logistic distribution: mean, log of the scale."""

    loc: Array
    log_scale: Array


@cached
def discretized_logistic(
    num_levels: int, *, log_scale_range: LogScaleRange = (-10.0, 10.0)
) -> Density:
    """Makes the distribution of a logistic number rounded to levels, from 2 outputs.

        P(level) = σ((x + δ/2 - μ) / s) - σ((x - δ/2 - μ) / s),   x = -1 + δ level

    with δ = 2 / (num_levels - 1), so that the levels 0 ... num_levels - 1 are at x from
    -1 to 1. The first and the last one take what is below and above. The outputs are μ,
    clipped to ±1e30, and log s, clipped to `log_scale_range`. The difference is
    computed as log σ(b) + log σ(-a) + log(1 - exp(a - b)), which is exact in both
    tails. A target outside the levels gives NaN.

    Args:
      num_levels: number of levels, at least 2: 256 for 8 bits.
      log_scale_range: least and largest log s.

    Returns:
      The density, over `LogisticParams`; it draws int32.

    Raises:
      ValueError: if there are fewer than 2 levels or the range is empty.

    References:
      Salimans et al., "PixelCNN++", ICLR 2017, section 2.1.
    """
    if not num_levels >= 2:
        raise ValueError(f"num_levels must be 2 or more, got {num_levels}.")
    check_range(log_scale_range)
    gap, last = 2 / (num_levels - 1), num_levels - 1

    def params(outputs):
        loc, log_scale = split_outputs(outputs, 2)
        return LogisticParams(clip_loc(loc), jnp.clip(log_scale, *log_scale_range))

    def upper_edge(params, level):
        return deviations(gap * (level + 0.5) - 1, *params)

    def log_prob(params, targets):
        level = jnp.asarray(targets, params.loc.dtype)
        below_upper = jax.nn.log_sigmoid(upper_edge(params, level))
        above_lower = jax.nn.log_sigmoid(-upper_edge(params, level - 1))
        width = gap * jnp.exp(-params.log_scale)
        inside = below_upper + above_lower + jnp.log(-jnp.expm1(-width))
        nats = jnp.where(level == last, above_lower, inside)
        nats = jnp.where(level == 0, below_upper, nats)
        return jnp.where((level >= 0) & (level <= last), nats, jnp.nan)

    def as_level(x):
        return jnp.clip(x, 0, last).astype(jnp.int32)

    def sample(key, params):
        noise = jax.random.logistic(key, params.loc.shape, params.loc.dtype)
        x = params.loc + jnp.exp(params.log_scale) * noise
        return as_level(jnp.round((x + 1) / gap))

    def cdf(params, targets):
        level = jnp.floor(jnp.asarray(targets, params.loc.dtype))
        inside = jax.nn.sigmoid(upper_edge(params, level))
        return jnp.where(level < 0, 0, jnp.where(level >= last, 1, inside))

    def quantile(params, probability):
        x = params.loc + jnp.exp(params.log_scale) * special.logit(probability)
        return as_level(jnp.ceil((x + 1) / gap - 0.5))

    return Density(
        2, params, log_prob, sample, (), sharpen_scale, cdf, quantile, is_discrete=True
    )

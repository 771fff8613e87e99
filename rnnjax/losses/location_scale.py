"""The normal and Student's t distribution."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy import special

from rnnjax.base import Array, cached
from rnnjax.losses.densities import Density, split_outputs
from rnnjax.losses.special import student_t_log_norm, student_t_quantile

MOST_LOCATION = 1e30  # so that the distance of a target does not overflow
MOST_DEVIATIONS = 1e6  # likewise its square, and the gradient
MOST_DEGREES = 1e4

LogScaleRange = tuple[float, float]


class NormalParams(NamedTuple):
    """Parameters of a normal distribution: mean, log of the standard deviation."""

    loc: Array
    log_scale: Array


@cached
def normal(*, log_scale_range: LogScaleRange = (-10.0, 10.0)) -> Density:
    """Makes the normal density, from 2 outputs.

        log N = -log σ - ½ log 2π - u²/2,   u = (x - μ) / σ

    The outputs are μ, clipped to ±1e30, and log σ, clipped to `log_scale_range`. A
    lower bound is needed: on data that repeat exactly the likelihood has none. u is
    clipped to ±1e6.

    Args:
      log_scale_range: least and largest log σ.

    Returns:
      The density, over `NormalParams`.

    Raises:
      ValueError: if the range is empty.
    """
    check_range(log_scale_range)

    def params(outputs):
        loc, log_scale = split_outputs(outputs, 2)
        return NormalParams(clip_loc(loc), jnp.clip(log_scale, *log_scale_range))

    def log_prob(params, targets):
        u = deviations(targets, *params)
        return -params.log_scale - 0.5 * math.log(2 * math.pi) - u * u / 2

    def sample(key, params):
        noise = jax.random.normal(key, params.loc.shape, params.loc.dtype)
        return params.loc + jnp.exp(params.log_scale) * noise

    def cdf(params, targets):
        return special.ndtr(deviations(targets, *params))

    def quantile(params, probability):
        return params.loc + jnp.exp(params.log_scale) * special.ndtri(probability)

    return Density(
        2, params, log_prob, sample, (), sharpen_scale, cdf=cdf, quantile=quantile
    )


class StudentTParams(NamedTuple):
    """Parameters of a t distribution: location, log of the scale, degrees."""

    loc: Array
    log_scale: Array
    degrees: Array


@cached
def student_t(*, log_scale_range: LogScaleRange = (-10.0, 10.0)) -> Density:
    """Makes Student's t density, from 3 outputs.

        log p = log Γ((ν + 1)/2) - log Γ(ν/2) - ½ log νπ - log σ
                - (ν + 1)/2 log(1 + u²/ν),   u = (x - μ) / σ

    The outputs are μ and log σ, clipped as in `normal`, and z, where ν = 2 + softplus z
    is at most 10,002: the variance νσ²/(ν - 2) is finite. u is clipped to ±1e6. The
    difference of the two log Γ is computed without cancellation.

    Args:
      log_scale_range: least and largest log σ.

    Returns:
      The density, over `StudentTParams`. Its quantiles are found by bisection.

    Raises:
      ValueError: if the range is empty.

    References:
      Salinas et al., "DeepAR: Probabilistic forecasting with autoregressive recurrent
      networks", International Journal of Forecasting 2020; the bound on ν is that of
      GluonTS.
    """
    check_range(log_scale_range)

    def params(outputs):
        loc, log_scale, raw = split_outputs(outputs, 3)
        degrees = 2 + jax.nn.softplus(jnp.minimum(raw, MOST_DEGREES))
        return StudentTParams(
            clip_loc(loc), jnp.clip(log_scale, *log_scale_range), degrees
        )

    def log_prob(params, targets):
        loc, log_scale, degrees = params
        u = deviations(targets, loc, log_scale)
        tail = (degrees + 1) / 2 * jnp.log1p(u * u / degrees)
        return student_t_log_norm(degrees) - log_scale - tail

    def sample(key, params):
        loc, log_scale, degrees = params
        noise = jax.random.t(key, degrees, loc.shape, loc.dtype)
        return loc + jnp.exp(log_scale) * noise

    def cdf(params, targets):
        loc, log_scale, degrees = params
        u = deviations(targets, loc, log_scale)
        tail = special.betainc(degrees / 2, 0.5, degrees / (degrees + u * u)) / 2
        return jnp.where(u < 0, tail, 1 - tail)

    def quantile(params, probability):
        loc, log_scale, degrees = params
        return loc + jnp.exp(log_scale) * student_t_quantile(degrees, probability)

    return Density(
        3, params, log_prob, sample, (), sharpen_scale, cdf=cdf, quantile=quantile
    )


def clip_loc(loc: Array) -> Array:
    """Clips a location to ±1e30."""
    return jnp.clip(loc, -MOST_LOCATION, MOST_LOCATION)


def deviations(targets: Array, loc: Array, log_scale: Array, *_: Array) -> Array:
    """Returns u = (x - μ) / σ, clipped to ±1e6."""
    u = (targets - loc) * jnp.exp(-log_scale)
    return jnp.clip(u, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def sharpen_scale(params, *, temperature: float = 1.0, bias: float = 0.0):
    """Multiplies the scale by √temperature exp(-bias); see `Density.sharpen`."""
    log_scale = params.log_scale + 0.5 * jnp.log(temperature) - bias
    return params._replace(log_scale=log_scale.astype(params.log_scale.dtype))


def check_range(log_scale_range: LogScaleRange) -> None:
    """Checks the bounds of log σ.

    Raises:
      ValueError: if the range is empty.
    """
    low, high = log_scale_range
    if not low < high:
        raise ValueError(
            f"log_scale_range must go from less to more, got {log_scale_range}."
        )

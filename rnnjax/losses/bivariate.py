"""Bivariate normal densities, and Graves' mixture of them with a pen bit."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, cached
from rnnjax.losses.densities import Density, split_outputs
from rnnjax.losses.location_scale import (
    LogScaleRange,
    check_range,
    clip_loc,
    deviations,
    sharpen_scale,
)
from rnnjax.losses.mixtures import mixture, with_bit


class BivariateNormalParams(NamedTuple):
    """Parameters of a bivariate normal.

    Attributes:
      loc: `[..., 2]`, the means.
      log_scale: `[..., 2]`, logs of the standard deviations.
      atanh_correlation: `[...]`, r, where the correlation is tanh r.
    """

    loc: Array
    log_scale: Array
    atanh_correlation: Array


@cached
def bivariate_normal(
    *,
    log_scale_range: LogScaleRange = (-10.0, 10.0),
    most_atanh_correlation: float = 8.0,
) -> Density:
    """Makes the density of two correlated normal numbers, from 5 outputs.

        log N = -log 2π - log σ₁ - log σ₂ + log cosh r
                - ((u - v)² (1 + e²ʳ) + (u + v)² (1 + e⁻²ʳ)) / 8

    with the deviations u = (x - μ₁) / σ₁ and v = (y - μ₂) / σ₂ and the correlation
    ρ = tanh r. It is the textbook's form, since 1 / (1 - ρ) = (1 + e²ʳ) / 2. No density
    is exponentiated, and nothing cancels but u - v and u + v. So in float32, gradients
    of Graves' mixture are right to 1e-5 at 12 deviations with |r| up to 2. Nearer to a
    correlation of 1 they are as right as the inputs: half a unit in the last place of
    these moves the exact gradients by up to 5e-5 for |r| up to 8.

    The outputs are μ₁, μ₂, clipped to ±1e30, log σ₁, log σ₂, clipped to
    `log_scale_range`, and r, clipped to ±`most_atanh_correlation`; u and v are clipped
    to ±1e6.

    Args:
      log_scale_range: least and largest log σ.
      most_atanh_correlation: largest |r|, at most 10; 8 allows |ρ| up to 1 - 2.3e-7.

    Returns:
      The density of pairs `[..., 2]`, over `BivariateNormalParams`.

    Raises:
      ValueError: if the range is empty or the largest |r| is not above 0 and at most
        10.

    Example:
      >>> density = bivariate_normal()
      >>> params = density.params(jnp.zeros(5))
      >>> gradient = jax.grad(density.log_prob, argnums=1)
      >>> gradient(params, jnp.array([10.0, 1.0]))  # that of -(x² + y²)/2
      Array([-10.,  -1.], dtype=float32)

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 24
      and 25, which it equals.
    """
    check_range(log_scale_range)
    if not 0 < most_atanh_correlation <= 10:
        raise ValueError(
            "most_atanh_correlation must be above 0 and at most 10, got "
            f"{most_atanh_correlation}."
        )

    def params(outputs):
        *pairs, r = split_outputs(outputs, 5)
        loc, log_scale = (jnp.stack(pairs[i : i + 2], axis=-1) for i in (0, 2))
        return BivariateNormalParams(
            clip_loc(loc),
            jnp.clip(log_scale, *log_scale_range),
            jnp.clip(r, -most_atanh_correlation, most_atanh_correlation),
        )

    def log_prob(params, targets):
        deviation = deviations(targets, params.loc, params.log_scale)
        u, v, r = deviation[..., 0], deviation[..., 1], params.atanh_correlation
        across = jnp.square(u - v) * (1 + jnp.exp(2 * r))
        along = jnp.square(u + v) * (1 + jnp.exp(-2 * r))
        log_cosh = jnp.logaddexp(r, -r) - math.log(2)
        norm = log_cosh - math.log(2 * math.pi) - params.log_scale.sum(axis=-1)
        return norm - (across + along) / 8

    def sample(key, params):
        noise = jax.random.normal(key, params.loc.shape, params.loc.dtype)
        u, other = noise[..., 0], noise[..., 1]
        r = params.atanh_correlation
        v = jnp.tanh(r) * u + other / jnp.cosh(r)
        scale = jnp.exp(params.log_scale)
        return params.loc + scale * jnp.stack([u, v], axis=-1)

    return Density(5, params, log_prob, sample, (2,), sharpen_scale)


def graves_mixture(
    num_components: int = 20,
    *,
    log_scale_range: LogScaleRange = (-10.0, 10.0),
    most_atanh_correlation: float = 8.0,
) -> Density:
    """Makes Graves' density of pen strokes: a mixture of bivariate normals and a bit.

    A target is (x, y, bit): an offset, and whether the pen is lifted after it. The
    6 K + 1 outputs are the K logits of the components, five outputs of each as in
    `bivariate_normal`, and the logit of the bit. Clips are those of `bivariate_normal`
    and `with_bit`.

    Args:
      num_components: K.
      log_scale_range: see `bivariate_normal`.
      most_atanh_correlation: see `bivariate_normal`.

    Returns:
      The density of `[..., 3]`.

    Raises:
      ValueError: if `num_components` is not positive, or by `bivariate_normal`.

    Example:
      >>> graves_mixture().num_outputs
      121

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, section 4.2,
      and section 5.4 for the bias of samples; Ha and Eck, "A Neural Representation of
      Sketch Drawings", ICLR 2018, for their temperature, which multiplies variances.
    """
    component = bivariate_normal(
        log_scale_range=log_scale_range, most_atanh_correlation=most_atanh_correlation
    )
    return with_bit(mixture(component, num_components))

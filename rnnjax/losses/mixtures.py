"""Mixtures of densities, and a density beside a bit."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, cached, check_positive
from rnnjax.losses.densities import Density, check_width
from rnnjax.losses.special import least

MOST_LOGIT = 20.0  # of a bit: a wrong one costs at most 20 nats


class MixtureParams(NamedTuple):
    """Parameters of a mixture: log weights `[..., K]`, the components' `[..., K]`."""

    log_weights: Array
    components: Any


@cached
def mixture(component: Density, num_components: int) -> Density:
    """Makes a mixture of densities of one family.

        log p(x) = log Σₖ πₖ pₖ(x),   π = softmax of the first K outputs

    computed from the components' log-probabilities. After the K logits come the
    outputs of the components, one component after the other.

    Args:
      component: the family of the components.
      num_components: K.

    Returns:
      The density, over `MixtureParams`. Quantiles, if the components have them, are
      found by bisection between theirs.

    Raises:
      ValueError: if `num_components` is not positive.

    Example:
      >>> from rnnjax.losses import normal
      >>> two = mixture(normal(), 2)
      >>> params = two.params(jnp.array([0.0, 0.0, -3.0, 0.0, 3.0, 0.0]))
      >>> two.num_outputs, two.cdf(params, 0.0)
      (6, Array(0.5, dtype=float32))

    References:
      Bishop, "Mixture Density Networks", 1994; in their sharpening Graves, "Generating
      Sequences With Recurrent Neural Networks", 2013, section 5.4.
    """
    check_positive(num_components=num_components)
    num_outputs = num_components * (1 + component.num_outputs)
    own_sharpen: Any = component.sharpen  # these three may be None
    own_cdf: Any = component.cdf
    own_quantile: Any = component.quantile
    event_ndim = len(component.event_shape)

    def params(outputs):
        outputs = jnp.asarray(outputs)
        check_width(outputs, num_outputs)
        shape = (*outputs.shape[:-1], num_components, component.num_outputs)
        log_weights = jax.nn.log_softmax(outputs[..., :num_components], axis=-1)
        of_components = outputs[..., num_components:].reshape(shape)
        return MixtureParams(log_weights, component.params(of_components))

    def log_prob(params, targets):
        own = jnp.expand_dims(targets, -1 - event_ndim)
        log_probs = component.log_prob(params.components, own)
        return jax.nn.logsumexp(params.log_weights + log_probs, axis=-1)

    def sample(key, params):
        component_key, key = jax.random.split(key)
        index = jax.random.categorical(component_key, params.log_weights)[..., None]
        axis = params.log_weights.ndim - 1

        def choose(x):
            own = index.reshape(index.shape + (1,) * (x.ndim - index.ndim))
            return jnp.take_along_axis(x, own, axis=axis).squeeze(axis)

        return component.sample(key, jax.tree.map(choose, params.components))

    def sharpen(params, *, temperature=1.0, bias=0.0):
        log_weights = params.log_weights * ((1 + bias) / temperature)
        components = own_sharpen(params.components, temperature=temperature, bias=bias)
        return MixtureParams(jax.nn.log_softmax(log_weights, axis=-1), components)

    def cdf(params, targets):
        of_components = own_cdf(params.components, jnp.asarray(targets)[..., None])
        return (jnp.exp(params.log_weights) * of_components).sum(axis=-1)

    def quantile(params, probability):
        probability = jnp.asarray(probability, params.log_weights.dtype)
        theirs = own_quantile(params.components, probability[..., None])
        numbers = theirs.astype(probability.dtype)
        found = least(
            lambda x: cdf(params, x) >= probability,
            numbers.min(axis=-1),
            numbers.max(axis=-1),
            component.is_discrete,
        )
        return found.astype(theirs.dtype)

    return Density(
        num_outputs,
        params,
        log_prob,
        sample,
        component.event_shape,
        sharpen if component.sharpen else None,
        cdf if component.cdf else None,
        quantile if component.quantile else None,
        component.is_discrete,
    )


class WithBitParams(NamedTuple):
    """Parameters of a density, and the logit of the bit beside it."""

    value: Any
    logit: Array


@cached
def with_bit(density: Density) -> Density:
    """Makes the density of independent numbers and a bit, such as a pen's.

    The last output is the logit of the bit, clipped to ±20, and the last entry of a
    target is the bit: 0 or 1, or a probability. A temperature divides the logit, a bias
    leaves it alone.

    Args:
      density: of the numbers, which come before.

    Returns:
      The density, over `WithBitParams`; its targets are `[..., n + 1]`.

    Raises:
      ValueError: if a target of `density` is neither a number nor a vector.
    """
    if len(density.event_shape) > 1:
        raise ValueError(
            "density must be one of numbers or vectors, got one of shape "
            f"{density.event_shape}."
        )
    num_outputs = density.num_outputs + 1
    own_sharpen: Any = density.sharpen  # may be None
    size = density.event_shape[0] if density.event_shape else 1

    def params(outputs):
        outputs = jnp.asarray(outputs)
        check_width(outputs, num_outputs)
        logit = jnp.clip(outputs[..., -1], -MOST_LOGIT, MOST_LOGIT)
        return WithBitParams(density.params(outputs[..., :-1]), logit)

    def log_prob(params, targets):
        value = targets[..., :-1] if density.event_shape else targets[..., 0]
        bit, logit = targets[..., -1], params.logit
        of_bit = bit * logit - jax.nn.softplus(logit)
        return density.log_prob(params.value, value) + of_bit

    def sample(key, params):
        key, bit_key = jax.random.split(key)
        value = density.sample(key, params.value)
        value = value if density.event_shape else value[..., None]
        bit = jax.random.bernoulli(bit_key, jax.nn.sigmoid(params.logit))
        return jnp.concatenate([value, bit[..., None].astype(value.dtype)], axis=-1)

    def sharpen(params, *, temperature=1.0, bias=0.0):
        value = own_sharpen(params.value, temperature=temperature, bias=bias)
        return WithBitParams(value, params.logit / temperature)

    return Density(
        num_outputs,
        params,
        log_prob,
        sample,
        (size + 1,),
        sharpen if density.sharpen else None,
    )

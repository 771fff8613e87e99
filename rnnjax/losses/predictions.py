"""Predictions of numbers in their own unit, from what a layer makes in its unit."""

from typing import NamedTuple

import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.counts import negative_binomial
from rnnjax.losses.densities import Density, split_outputs


class Prediction(NamedTuple):
    """What is predicted of numbers y = center + scale e.

    Attributes:
      outputs: `[..., num_outputs]`, from which a density of e follows; without a
        density `[..., 1]`, the value of e itself.
      center: `[...]`.
      scale: `[...]`, positive.
    """

    outputs: Array
    center: Array
    scale: Array


def num_outputs(density: Density | None) -> int:
    """Returns the width of the outputs per number; 1 without a density.

    Raises:
      ValueError: if the density is not one of single numbers with quantiles.
    """
    if density is None:
        return 1
    if density.event_shape or density.quantile is None:
        raise ValueError("density must be one of numbers, with quantiles.")
    return density.num_outputs


def prediction_loss(
    density: Density | None, prediction: Prediction, targets: Array
) -> Array:
    """Computes the loss of predictions, number by number.

        -log p(y) = -log p(e) + log scale,   e = (y - center) / scale

    and |e| without a density. The negative binomial is one of counts y themselves: its
    mean is multiplied by the scale, as in DeepAR, and the center must be 0.

    Args:
      density: the family of e; None: a prediction is a single value.
      prediction: the prediction.
      targets: y `[...]`.

    Returns:
      `[...]`, nats; without a density deviations in the unit of the scale.

    Example:
      >>> from rnnjax.losses import normal
      >>> outputs = jnp.array([0.5, 0.0])  # of e: mean 0.5, deviation 1
      >>> prediction = Prediction(outputs, jnp.array(10.0), jnp.array(2.0))
      >>> loss = prediction_loss(normal(), prediction, jnp.array(11.0))
      >>> round(float(loss), 4)  # ½ log 2π + log 2
      1.6121

    References:
      Salinas et al., "DeepAR: Probabilistic forecasting with autoregressive recurrent
      networks", International Journal of Forecasting 2020, section 3.3.
    """
    center, scale = prediction.center, prediction.scale
    if density is None:
        return jnp.abs((targets - center) / scale - _value(prediction))
    if is_count(density):
        return -density.log_prob(_scaled_counts(density, prediction), targets)
    params = density.params(prediction.outputs)
    return jnp.log(scale) - density.log_prob(params, (targets - center) / scale)


def prediction_quantiles(
    density: Density | None, prediction: Prediction, probabilities: Array
) -> Array:
    """Returns the quantiles of predictions.

    Args:
      density: see `prediction_loss`; without it all quantiles are the predicted value.
      prediction: the prediction.
      probabilities: `[Q]`, each above 0 and below 1.

    Returns:
      `[Q, ...]`, in the unit of y.
    """
    probabilities = jnp.asarray(probabilities)
    center, scale = prediction.center, prediction.scale
    broad = probabilities.reshape(-1, *(1,) * center.ndim)
    if density is None:
        value = center + scale * _value(prediction)
        return jnp.broadcast_to(value, (len(probabilities), *value.shape))
    quantile = density.quantile
    assert quantile is not None  # checked by num_outputs
    if is_count(density):
        return quantile(_scaled_counts(density, prediction), broad)
    return center + scale * quantile(density.params(prediction.outputs), broad)


def sample_prediction(
    density: Density | None, key: Array, prediction: Prediction
) -> Array:
    """Draws y `[...]` from predictions; without a density it is the predicted value."""
    center, scale = prediction.center, prediction.scale
    if density is None:
        return center + scale * _value(prediction)
    if is_count(density):
        return density.sample(key, _scaled_counts(density, prediction))
    return center + scale * density.sample(key, density.params(prediction.outputs))


def is_count(density: Density | None) -> bool:
    """Returns whether a density is one of counts, which are not shifted."""
    return density is negative_binomial()


def _value(prediction):
    (value,) = split_outputs(prediction.outputs, 1)
    return value


def _scaled_counts(density, prediction):
    params = density.params(prediction.outputs)
    return params._replace(mean=params.mean * prediction.scale)

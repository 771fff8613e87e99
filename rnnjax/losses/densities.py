"""Densities of a step given a layer's outputs: what they share, and their loss."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.masking import check_marks, zero_masked


class Density(NamedTuple):
    """A family of densities, or of probabilities of whole numbers.

    A layer's outputs `[..., num_outputs]`, any floats, become the parameters of one
    density per step: `params(outputs)`. Its functions broadcast over `[...]`.

    Attributes:
      num_outputs: width of the layer's outputs.
      params: `outputs -> params`, a NamedTuple of `[...]` arrays; each maker says how
        outputs become parameters and how they are clipped. Beyond a clip the gradient
        is 0.
      log_prob: `(params, targets) -> [...]`, nats; finite for the parameters of any
        finite outputs and for any finite targets of the support.
      sample: `(key, params) -> [..., *event_shape]`.
      event_shape: shape of one step's target: `()` for a number.
      sharpen: `(params, *, temperature=1.0, bias=0.0) -> params`. A temperature
        multiplies variances and divides the logits of components and bits; a bias b, as
        in Graves' handwriting, multiplies standard deviations by exp(-b) and the logits
        of components by 1 + b. None if the family has no such parameters.
      cdf: `(params, targets) -> [...]`, the probability of at most the targets; None
        if they are not numbers.
      quantile: `(params, probability) -> targets`, the least value whose `cdf` is at
        least the probability, which is above 0 and below 1; None if there is no `cdf`.
      is_discrete: whether the targets are whole numbers.
    """

    num_outputs: int
    params: Callable[[Array], Any]
    log_prob: Callable[[Any, Any], Array]
    sample: Callable[[Array, Any], Any]
    event_shape: tuple[int, ...] = ()
    sharpen: Callable[..., Any] | None = None
    cdf: Callable[[Any, Any], Array] | None = None
    quantile: Callable[[Any, Any], Array] | None = None
    is_discrete: bool = False


def negative_log_likelihood(
    density: Density, outputs: Array, targets: Array, mask: Array | None = None
) -> Array:
    """Computes -log p(target) of every step.

    Args:
      density: the family.
      outputs: `[T, ..., num_outputs]`, with any values at masked steps.
      targets: `[T, ...batch, *event_shape]`, likewise.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      `[T, ...batch]`, nats per step; zero at masked steps. For real numbers it may be
      negative, and depends on their unit.

    Raises:
      ValueError: if the outputs are not of that width, the targets not of the outputs'
        leading shape, or the mask is not bool of that shape.

    Example:
      >>> from rnnjax.losses import normal
      >>> outputs = jnp.array([[3.0, 0.0], [3.0, 0.0]])  # mean 3, deviation 1
      >>> negative_log_likelihood(normal(), outputs, jnp.array([3.0, 5.0]))
      Array([0.9189385, 2.9189386], dtype=float32)
    """
    check_width(outputs, density.num_outputs)
    shape = outputs.shape[:-1]
    targets = jnp.asarray(targets)
    if targets.shape != (*shape, *density.event_shape):
        raise ValueError(
            f"targets must be of shape {(*shape, *density.event_shape)}, "
            f"got {targets.shape}."
        )
    check_marks("mask", mask, shape)
    outputs, targets = zero_masked(mask, (outputs, targets))
    log_probs = density.log_prob(density.params(outputs), targets)
    return zero_masked(mask, -log_probs)


def check_width(outputs: Array, num_outputs: int) -> None:
    """Checks a layer's outputs against what a density takes.

    Raises:
      ValueError: if their last axis has another size.
    """
    if outputs.ndim == 0 or outputs.shape[-1] != num_outputs:
        raise ValueError(
            f"outputs must end with an axis of {num_outputs}, got shape "
            f"{outputs.shape}."
        )


def split_outputs(outputs: Array, num_outputs: int) -> list[Array]:
    """Returns the `num_outputs` arrays `[...]` of outputs `[..., num_outputs]`.

    Raises:
      ValueError: if the last axis has another size.
    """
    outputs = jnp.asarray(outputs)
    check_width(outputs, num_outputs)
    return [outputs[..., i] for i in range(num_outputs)]

"""Scheduled sampling: training on inputs of which the model drew some itself."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from rnnjax.base import Array, Carry, Layer, Params, batch_shape
from rnnjax.decoding.samplers import Sampler, as_sampler
from rnnjax.losses.densities import Density
from rnnjax.masking import check_marks


def scheduled_inputs(
    layer: Layer,
    params: Params,
    inputs: Any,
    key: Array,
    rate: float | Array,
    *,
    sampler: Sampler | Density | Callable[[Array, Any], Any],
    carry: Carry | None = None,
    mask: Array | None = None,
    is_first: Array | None = None,
    layer_key: Array | None = None,
) -> Any:
    """Replaces inputs by what the model draws, each with probability `rate`.

        x̃ₜ = xₜ           with probability 1 - rate
        x̃ₜ ~ p(· | x̃₁ ... x̃ₜ₋₁)  otherwise

    Training takes two passes: this one, which has no gradient, and then
    `layer.apply(params, carry, scheduled_inputs(...))` as ever, on any engine. For
    tokens, which have no gradient, that is the gradient of drawing them within the
    loop.

    A coin is thrown for every step and every sequence, as in the paper. The first input
    of a sequence is never replaced, nor is a masked one or one that follows it. A rate
    of 0 is teacher forcing, to the bit; a rate of 1 is `generate` from the first input,
    step for step if nothing is random, such as with `greedy`.

    The loss on such inputs is not a likelihood: evaluate with the inputs themselves,
    and by `generate`.

    Args:
      layer: a causal layer, from inputs to what the sampler draws from.
      params: its parameters.
      inputs: `[T, ...batch, ...]`, one array or a pytree, what teacher forcing reads.
      key: the source of randomness; the coin and the draw of step t are made from
        `fold_in(key, t)`.
      rate: from 0 to 1; may be traced, and is then not checked. See `linear_decay`,
        whose probability of a true input is 1 - rate.
      sampler: see `generate`.
      carry: the carry before the first step; None: the initial one.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.
      is_first: `[T, ...batch]` bool, true where a sequence begins; None: nowhere.
      layer_key: the layer's own randomness, such as that of dropout: pass the same key
        to `layer.apply`. None: nothing is dropped.

    Returns:
      Inputs like `inputs`, without a gradient.

    Raises:
      ValueError: if the layer is not causal, `rate` is a number that is not from 0 to
        1, the sampler is not one, or the mask or `is_first` is not bool or not of the
        inputs' shape.

    Example:
      >>> from rnnjax.decoding import greedy
      >>> layer = rnnjax.stack(rnnjax.one_hot(5), rnnjax.dense(5, use_bias=False))
      >>> params = ({}, {"kernel": jnp.roll(jnp.eye(5), 1, axis=1)})  # counts up
      >>> inputs, key = jnp.array([2, 0, 0, 0]), jax.random.key(0)
      >>> for rate in (0.0, 1.0):
      ...     print(scheduled_inputs(layer, params, inputs, key, rate, sampler=greedy))
      [2 0 0 0]
      [2 3 4 0]

    References:
      Bengio, Vinyals, Jaitly and Shazeer, "Scheduled Sampling for Sequence Prediction
      with Recurrent Neural Networks", NeurIPS 2015; Mihaylova and Martins, "Scheduled
      Sampling for Transformers", ACL 2019, for the two passes.
    """
    inputs = jax.tree.map(jnp.asarray, inputs)
    if layer.step is None:
        raise ValueError("layer must be causal, got one without a step.")
    if not isinstance(rate, Tracer) and not 0 <= rate <= 1:
        raise ValueError(f"rate must be from 0 to 1, got {rate}.")
    num_steps = jax.tree.leaves(inputs)[0].shape[0]
    batch = batch_shape(inputs, layer.input_ndim)
    check_marks("mask", mask, (num_steps, *batch))
    check_marks("is_first", is_first, (num_steps, *batch))
    sampler, marks = as_sampler(sampler), (mask, is_first)
    return _scheduled(
        layer, params, inputs, key, rate, sampler, carry, marks, layer_key
    )


@functools.partial(jax.jit, static_argnums=0)
def _scheduled(layer, params, inputs, key, rate, sampler, carry, marks, layer_key):
    params, inputs, carry = jax.lax.stop_gradient((params, inputs, carry))
    batch = batch_shape(inputs, layer.input_ndim)
    if carry is None:
        carry = layer.initial_carry(params, batch)

    def body(state, step):
        carry, drawn, is_drawn = state
        t, true, (mask, is_first) = step
        coin_key, draw_key = jax.random.split(jax.random.fold_in(key, t))
        replaced = is_drawn & jax.random.bernoulli(coin_key, rate, batch)
        if mask is not None:
            replaced &= mask
        if is_first is not None:
            replaced &= ~is_first
        read = _select(replaced, drawn, true)
        carry, outputs = layer.step(
            params, carry, read, mask=mask, is_first=is_first, key=layer_key
        )
        random = draw_key
        if sampler.noise is not None:
            random = sampler.noise(draw_key, outputs)
        new = sampler.draw(random, outputs)
        new = jax.tree.map(lambda x, like: x.astype(like.dtype), new, true)
        is_drawn = jnp.ones(batch, bool) if mask is None else mask
        return (carry, new, is_drawn), read

    first = jax.tree.map(lambda x: x[0], inputs)
    start = carry, first, jnp.zeros(batch, bool)
    steps = jnp.arange(jax.tree.leaves(inputs)[0].shape[0]), inputs, marks
    _, read = jax.lax.scan(body, start, steps)
    return jax.lax.stop_gradient(read)


def _select(condition, on_true, on_false):
    def select(x, y):
        own = condition.reshape(condition.shape + (1,) * (x.ndim - condition.ndim))
        return jnp.where(own, x, y)

    return jax.tree.map(select, on_true, on_false)


def linear_decay(
    step: float | Array, num_steps: float, least: float = 0.0
) -> Array | float:
    """Returns the probability of a true input, max(least, 1 - step / num_steps).

    Example:
      >>> [float(linear_decay(step, 10, least=0.25)) for step in (0, 5, 20)]
      [1.0, 0.5, 0.25]
    """
    return jnp.maximum(least, 1 - step / num_steps)


def exponential_decay(step: float | Array, base: float) -> Array | float:
    """Returns the probability of a true input, base ^ step, for a base below 1.

    Example:
      >>> float(exponential_decay(2, 0.5))
      0.25
    """
    return jnp.power(base, step)


def inverse_sigmoid_decay(step: float | Array, k: float) -> Array | float:
    """Returns the probability of a true input, k / (k + exp(step / k)), for k ≥ 1.

    Example:
      >>> f"{inverse_sigmoid_decay(0, 3.0):.4f}"
      '0.7500'
    """
    return jax.nn.sigmoid(jnp.log(k) - step / k)

"""Causal layers: streaming by sequences of one step, and layers without a carry."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Layer, Params, batch_shape
from rnnjax.masking import check_marks, zero_masked
from rnnjax.parameters import check_params


def causal_layer(
    init: Callable[..., Params],
    initial_carry: Callable[..., Any],
    apply: Callable[..., tuple[Any, Any]],
    *,
    input_ndim: int = 1,
    causal: bool = True,
) -> Layer:
    """Makes a layer whose `step` is `apply` on a sequence of one step.

    Args:
      init: see `Layer`.
      initial_carry: see `Layer`.
      apply: see `Layer`.
      input_ndim: see `Layer`.
      causal: whether outputs depend on no later step; if not, there is no `step`.

    Returns:
      The layer.
    """

    def step(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs, mask, is_first = jax.tree.map(
            lambda x: jnp.asarray(x)[None], (inputs, mask, is_first)
        )
        carry, outputs = apply(
            params, carry, inputs, mask=mask, is_first=is_first, key=key
        )
        return carry, jax.tree.map(lambda x: x[0], outputs)

    return Layer(init, initial_carry, apply, step if causal else None, input_ndim)


def pointwise(
    init: Callable[..., Params],
    function: Callable[[Params, Any], Any],
    *,
    input_ndim: int = 1,
) -> Layer:
    """Makes a layer that applies one function to every step and has no carry.

    Args:
      init: see `Layer`.
      function: `(params, inputs) -> outputs`, over all steps at once.
      input_ndim: see `Layer`.

    Returns:
      The layer; its carry is `()`.

    Example:
      >>> double = pointwise(lambda key, input_size: {}, lambda params, x: 2 * x)
      >>> double.apply({}, None, jnp.ones((3, 1)), mask=jnp.array([True, True, False]))
      ((), Array([[2.],
             [2.],
             [0.]], dtype=float32))
    """

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del carry, key
        inputs = jax.tree.map(jnp.asarray, inputs)
        check_steps(inputs, mask, is_first, input_ndim)
        check_params(init, params, inputs, input_ndim=input_ndim)
        outputs = function(params, zero_masked(mask, inputs))
        return (), zero_masked(mask, outputs)

    def initial_carry(params, batch_shape=()):
        del params, batch_shape
        return ()

    return causal_layer(init, initial_carry, apply, input_ndim=input_ndim)


def check_steps(inputs: Any, mask: Any, is_first: Any, input_ndim: int) -> None:
    """Checks a layer's mask and `is_first` against its inputs `[T, ...]`."""
    num_steps = jax.tree.leaves(inputs)[0].shape[0]
    shape = (num_steps, *batch_shape(inputs, input_ndim))
    check_marks("mask", mask, shape)
    check_marks("is_first", is_first, shape)

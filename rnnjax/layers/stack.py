"""Stacks of layers."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.attention.memory import bind_any_memory
from rnnjax.base import Layer, Params, cached
from rnnjax.layers.causal import causal_layer
from rnnjax.parameters import check_parts, part


@cached
def stack(*layers: Layer) -> Layer:
    """Makes a layer from several, each reading the outputs of the previous one.

    It runs layer by layer, not step by step: each layer runs over the whole sequence.

    Args:
      *layers: the layers, from the inputs on. The input size of each is the width of
        the previous one's outputs; what shows attention weights beside its outputs is
        read by `rnnjax.attention.beside_weights`. Layer i draws from `fold_in(key, i)`.

    Returns:
      The layer; its parameters and carry are tuples. It is causal if all are.

    Raises:
      ValueError: if there is no layer.

    Example:
      >>> first, second = (rnnjax.recurrent(rnnjax.lstm(size)) for size in (4, 5))
      >>> two = stack(first, rnnjax.dropout(0.5), second)
      >>> params = two.init(jax.random.key(0), 3)
      >>> carry, outputs = two.apply(
      ...     params, None, jnp.ones((7, 2, 3)), key=jax.random.key(1)
      ... )
      >>> outputs.shape
      (7, 2, 5)
    """
    if not layers:
        raise ValueError("layers must be at least one, got none.")

    def init(key, input_size):
        inputs = abstract_inputs(input_size, layers[0].input_ndim)
        params = []
        for i, layer in enumerate(layers):
            params.append(layer.init(jax.random.fold_in(key, i), input_size))
            if i + 1 < len(layers):
                inputs = abstract_outputs(layer, params[-1], inputs)
                input_size = next_input_size(inputs, layers[i + 1])
        return tuple(params)

    def initial_carry(params, batch_shape=()):
        return tuple(
            layer.initial_carry(layer_params, batch_shape)
            for layer, layer_params in zip(layers, params)
        )

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        check_parts(params, range(len(layers)))
        carry = (None,) * len(layers) if carry is None else carry
        new_carry = []
        for i, layer in enumerate(layers):
            layer_key = None if key is None else jax.random.fold_in(key, i)
            with part(params, i) as own:
                layer_carry, inputs = layer.apply(
                    own, carry[i], inputs, mask=mask, is_first=is_first, key=layer_key
                )
            new_carry.append(layer_carry)
        return tuple(new_carry), inputs

    return causal_layer(
        init,
        initial_carry,
        apply,
        input_ndim=layers[0].input_ndim,
        causal=all(layer.step is not None for layer in layers),
    )


def abstract_inputs(input_size: Any, input_ndim: int) -> jax.ShapeDtypeStruct:
    """Returns the shape of one step: of tokens for a rank of 0, else of vectors."""
    if input_ndim == 0:
        return jax.ShapeDtypeStruct((1,), jnp.int32)
    sizes = input_size if isinstance(input_size, tuple) else (input_size,)
    return jax.ShapeDtypeStruct((1, *sizes), jnp.float32)


def next_input_size(outputs: Any, layer: Layer) -> Any:
    """Returns the input size of a layer that reads outputs of this shape.

    Outputs may have attention weights beside them, see `beside_weights`.
    """
    outputs = outputs["outputs"] if isinstance(outputs, Mapping) else outputs
    if layer.input_ndim < 2:
        return outputs.shape[-1]
    return outputs.shape[-layer.input_ndim :]


def abstract_outputs(layer: Layer, params: Params, inputs: Any) -> Any:
    """Returns the shape of a layer's outputs, given the shape of its inputs.

    A memory that the layer reads need not be bound.
    """
    params = bind_any_memory(params)
    return jax.eval_shape(lambda *args: layer.apply(*args)[1], params, None, inputs)

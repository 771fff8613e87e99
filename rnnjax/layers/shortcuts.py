"""Shortcut connections: residual, highway, and skips to the output."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import Layer, cached, check_positive
from rnnjax.initializers import Initializer
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.layers.stack import abstract_inputs, abstract_outputs, next_input_size
from rnnjax.masking import zero_masked
from rnnjax.parameters import check_params, check_parts, part
from rnnjax.products import matmul


@cached
def residual(layer: Layer) -> Layer:
    """Makes a layer that adds its inputs to the outputs of another.

    Args:
      layer: the inner layer, with outputs as wide as its inputs.

    Returns:
      The layer, over the inner layer's parameters and carry, causal if it is.

    Raises:
      ValueError: when run, if the outputs do not have the shape of the inputs.

    Example:
      >>> layer = residual(rnnjax.recurrent(rnnjax.gru(3)))
      >>> params = jax.tree.map(jnp.zeros_like, layer.init(jax.random.key(0), 3))
      >>> _, outputs = layer.apply(params, None, jnp.ones((7, 2, 3)))
      >>> bool((outputs == 1).all())
      True

    References:
      He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, equation 1;
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, for shortcuts
      around the layers of a recurrent stack.
    """

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jnp.asarray(inputs)
        carry, outputs = layer.apply(
            params, carry, inputs, mask=mask, is_first=is_first, key=key
        )
        _check_same_shape(inputs, outputs)
        return carry, outputs + zero_masked(mask, inputs).astype(outputs.dtype)

    return _around(layer, layer.init, layer.initial_carry, apply)


@cached
def highway(
    layer: Layer,
    *,
    gate_bias: float = -1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Layer:
    """Makes a layer with a gate that decides what passes around another.

        y = T(x) ∘ H(x) + (1 - T(x)) ∘ x,   T(x) = σ(x K + b)

    Args:
      layer: H, with outputs as wide as its inputs.
      gate_bias: the initial value of b; negative, so that most is passed on at first.
      kernel_init: initializer of K.
      dtype: dtype of K and b.

    Returns:
      The layer, over a dict of `layer`, the parameters of H, `kernel`
      `[input_size, input_size]` and `bias` `[input_size]`; its carry is that of H. It
      is causal if H is.

    Raises:
      ValueError: when run, if the outputs of H do not have the shape of the inputs.

    References:
      Srivastava, Greff and Schmidhuber, "Training Very Deep Networks", NeurIPS 2015,
      equation 3 and section 2.2.
    """

    def init(key, input_size):
        check_positive(input_size=input_size)
        layer_key, kernel_key = jax.random.split(key)
        return {
            "layer": layer.init(layer_key, input_size),
            "kernel": kernel_init(kernel_key, (input_size, input_size), dtype),
            "bias": jnp.full(input_size, gate_bias, dtype),
        }

    def initial_carry(params, batch_shape=()):
        return layer.initial_carry(params["layer"], batch_shape)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jnp.asarray(inputs)
        check_params(init, params, inputs, input_ndim=layer.input_ndim)
        carry, outputs = layer.apply(
            params["layer"], carry, inputs, mask=mask, is_first=is_first, key=key
        )
        _check_same_shape(inputs, outputs)
        inputs = zero_masked(mask, inputs).astype(outputs.dtype)
        gate = sigmoid(matmul(inputs, params["kernel"]) + params["bias"])
        return carry, gate * outputs + (1 - gate) * inputs

    return _around(layer, init, initial_carry, apply)


@cached
def skip_to_output(*layers: Layer, from_input: bool = False) -> Layer:
    """Makes a stack whose outputs are those of all its layers.

    Args:
      *layers: the layers, from the inputs on; each reads the outputs of the previous
        one. Layer i draws from `fold_in(key, i)`.
      from_input: whether every layer also reads the inputs, concatenated after the
        outputs of the previous layer.

    Returns:
      The layer; its parameters and carry are tuples, its outputs those of all layers,
      concatenated in order. It is causal if all are.

    Raises:
      ValueError: if there is no layer, or `from_input` is given with a first layer that
        reads tokens.

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, equations 1
      to 4: skips from the input to all layers and from all layers to the output.
    """
    if not layers:
        raise ValueError("layers must be at least one, got none.")
    if from_input and layers[0].input_ndim == 0:
        raise ValueError(
            "layers must read vectors to read the inputs too, "
            f"got an input_ndim of {layers[0].input_ndim}."
        )

    def read(outputs, inputs):
        if not from_input:
            return outputs
        return jnp.concatenate([outputs, inputs.astype(outputs.dtype)], axis=-1)

    def init(key, input_size):
        inputs = own = abstract_inputs(input_size, layers[0].input_ndim)
        params = []
        for i, layer in enumerate(layers):
            params.append(layer.init(jax.random.fold_in(key, i), input_size))
            outputs = abstract_outputs(layer, params[-1], own)
            own = jax.eval_shape(read, outputs, inputs)
            if i + 1 < len(layers):
                input_size = next_input_size(own, layers[i + 1])
        return tuple(params)

    def initial_carry(params, batch_shape=()):
        return tuple(
            layer.initial_carry(own, batch_shape) for layer, own in zip(layers, params)
        )

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jnp.asarray(inputs)
        check_steps(inputs, mask, is_first, layers[0].input_ndim)
        check_parts(params, range(len(layers)))
        own = inputs = zero_masked(mask, inputs)
        carry = (None,) * len(layers) if carry is None else carry
        carries, shown = [], []
        for i, layer in enumerate(layers):
            layer_key = None if key is None else jax.random.fold_in(key, i)
            with part(params, i) as layer_params:
                layer_carry, outputs = layer.apply(
                    layer_params,
                    carry[i],
                    own,
                    mask=mask,
                    is_first=is_first,
                    key=layer_key,
                )
            own = read(outputs, inputs)
            carries.append(layer_carry)
            shown.append(outputs)
        return tuple(carries), jnp.concatenate(shown, axis=-1)

    return causal_layer(
        init,
        initial_carry,
        apply,
        input_ndim=layers[0].input_ndim,
        causal=all(layer.step is not None for layer in layers),
    )


def _around(layer, init, initial_carry, apply):
    causal = layer.step is not None
    return causal_layer(
        init, initial_carry, apply, input_ndim=layer.input_ndim, causal=causal
    )


def _check_same_shape(inputs, outputs):
    if outputs.shape != inputs.shape:
        raise ValueError(
            f"layer must give outputs of the inputs' shape {inputs.shape}, "
            f"got {outputs.shape}."
        )

"""A layer after one that shows its attention weights."""

import jax.numpy as jnp

from rnnjax.base import Layer, cached
from rnnjax.layers.causal import causal_layer
from rnnjax.masking import zero_masked


@cached
def beside_weights(layer: Layer) -> Layer:
    """Makes a layer that reads the outputs of an attentive one and keeps its weights.

    In a `stack`, put it around whatever follows a cell with `show_weights=True`. So
    logits and weights come out together, as the coverage of `beam_search` needs them.

    Args:
      layer: such as `dense(vocab_size)`; it must read vectors.

    Returns:
      The layer, from a dict of `outputs` and `weights` to another one; its parameters
      and carry are those of `layer`.

    Raises:
      ValueError: if the layer does not read vectors.

    Example:
      >>> from rnnjax.attention import Memory, additive, attend_before, bind_memory
      >>> cell = attend_before(rnnjax.gru(4), additive(5), 2, show_weights=True)
      >>> decoder = rnnjax.stack(
      ...     rnnjax.embed(3), rnnjax.recurrent(cell), beside_weights(rnnjax.dense(11))
      ... )
      >>> params = decoder.init(jax.random.key(0), 11)
      >>> bound = bind_memory(params, Memory(jnp.ones((6, 2))))
      >>> _, shown = decoder.apply(bound, None, jnp.zeros(7, int))
      >>> shown["outputs"].shape, shown["weights"].shape
      ((7, 11), (7, 6))
    """
    if layer.input_ndim != 1:
        raise ValueError(
            f"layer must read vectors, got one of input_ndim {layer.input_ndim}."
        )

    def apply(params, carry, inputs, **options):
        carry, outputs = layer.apply(params, carry, inputs["outputs"], **options)
        weights = zero_masked(options.get("mask"), jnp.asarray(inputs["weights"]))
        return carry, {"outputs": outputs, "weights": weights}

    return causal_layer(
        layer.init, layer.initial_carry, apply, causal=layer.step is not None
    )

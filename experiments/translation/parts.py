"""Parts of a translator: a reader of one row, tied weights, a range to draw from."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.attention.base import Attention, glimpse_of, no_state
from rnnjax.base import Layer, cached
from rnnjax.initializers import symmetric_uniform
from rnnjax.layers.encoder_decoder import EncoderDecoder


@cached
def last_row(reverse: bool = False) -> Attention:
    """Makes the attention that always reads the row where the encoder ended.

    Before each step it gives the decoder of Cho et al., which reads the encoder's last
    state at every step.

    Args:
      reverse: whether the encoder reads from the end, so that it ends in the first row.

    Returns:
      The attention, without parameters.

    References:
      Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for
      Statistical Machine Translation", EMNLP 2014.
    """

    def read(params, memory, query, state):
        del params, query
        num_rows = memory.values.shape[-2]
        last = jnp.array(num_rows - 1)
        if memory.mask is not None:
            last = memory.mask.sum(axis=-1) - 1
        weights = jax.nn.one_hot(last * (not reverse), num_rows)
        return glimpse_of(weights, memory.values), state, weights

    return Attention(
        lambda key, query_size, memory_size: {},
        lambda params, memory: memory,
        no_state,
        lambda params, memory, h: h,
        read,
    )


def tie_head(decoder: Layer) -> Layer:
    """Makes the last layer of a stack use the embedding of the first as its kernel.

    Args:
      decoder: a causal stack from `embed` to `dense` or to `copying`, whose head reads
        vectors as wide as the embedding.

    Returns:
      The layer, without the kernel among the last layer's parameters.

    References:
      Press and Wolf, "Using the Output Embedding to Improve Language Models", EACL
      2017.
    """
    assert decoder.step is not None
    own_step = decoder.step

    def init(key, input_size):
        *rest, head = decoder.init(key, input_size)
        return *rest, {name: x for name, x in head.items() if name != "kernel"}

    def whole(params):
        *rest, head = params
        return *rest, {**head, "kernel": rest[0]["embedding"].T}

    def initial_carry(params, batch_shape=()):
        return decoder.initial_carry(whole(params), batch_shape)

    def apply(params, carry, inputs, **options):
        return decoder.apply(whole(params), carry, inputs, **options)

    def step(params, carry, inputs, **options):
        return own_step(whole(params), carry, inputs, **options)

    return decoder._replace(
        init=init, initial_carry=initial_carry, apply=apply, step=step
    )


def drawn_from(model: EncoderDecoder, bound: float) -> EncoderDecoder:
    """Makes a model draw all its parameters uniformly from -bound to bound."""
    draw = symmetric_uniform(bound)

    def init(key, source_size, target_size) -> Any:
        params = model.init(key, source_size, target_size)
        leaves, treedef = jax.tree.flatten(params)
        keys = jax.random.split(key, len(leaves))
        return treedef.unflatten(
            draw(own, leaf.shape, leaf.dtype) for own, leaf in zip(keys, leaves)
        )

    return model._replace(init=init)

"""Layers whose next token depends on all tokens before, by a table of each row."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax import dense, embed, gru, lstm, recurrent, stack
from rnnjax.layers import causal_layer, dilated, dropout
from tests.pytrees import draw_like


def tree_layer(vocab_size):
    """A layer over params `[...batch, nodes, V]`, the logits after every history.

    The histories are numbered as the nodes of a tree, level by level; the carry is the
    node. It starts at the root, which reads no prompt: a first token of 0 leads to
    node 1.
    """

    def init(key, input_size):
        raise NotImplementedError

    def initial_carry(params, batch_shape=()):
        del params
        return jnp.zeros(batch_shape, jnp.int32)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del mask, is_first, key
        node = initial_carry(params, inputs.shape[1:]) if carry is None else carry
        logits = []
        for tokens in inputs:
            node = node * vocab_size + tokens + 1
            at_node = jnp.take_along_axis(params, node[..., None, None], axis=-2)
            logits.append(at_node[..., 0, :])
        return node, jnp.stack(logits)

    return causal_layer(init, initial_carry, apply, input_ndim=0)


def draw_trees(seed, batch, vocab_size, num_steps, end_logits=0.0):
    """Draws params of a `tree_layer`, deep enough for a prompt and `num_steps`.

    Args:
      end_logits: added to the logits of the last token, the end symbol; it broadcasts
        to the batch, so that rows have short and long sequences.
    """
    num_nodes = sum(vocab_size**depth for depth in range(num_steps + 1))
    table = np.random.default_rng(seed).normal(
        scale=1.5, size=(*batch, num_nodes, vocab_size)
    )
    table[..., -1] += np.asarray(end_logits)[..., None]
    return table.astype(np.float32)


@functools.cache
def recurrent_models(vocab_size):
    """Layers whose carries have their batch first, second or not at all."""
    return {
        "lstm": stack(embed(4), recurrent(lstm(5)), dense(vocab_size)),
        "dilated_dropout": stack(
            embed(4), dilated(gru(5), 2), dropout(0.5), dense(vocab_size)
        ),
    }


def draw_params(layer, vocab_size, seed=3, scale=1.5):
    shapes = jax.eval_shape(lambda key: layer.init(key, vocab_size), jax.random.key(0))
    return draw_like(np.random.default_rng(seed), shapes, np.float32, scale=scale)

"""Dropout between layers: a mask per step, or one per sequence."""

import jax.numpy as jnp

from rnnjax.base import Layer, cached
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.layers.draws import check_rate, draw_scale, draw_steps
from rnnjax.masking import zero_masked


@cached
def dropout(rate: float) -> Layer:
    """Makes a layer that zeroes each entry at random and scales up the rest.

    The entries of step t are drawn from `fold_in(key, t)`, where t counts every step
    since the first chunk, masked or not. So a sequence gives the same result whole, in
    chunks with one key, or step by step.

    Args:
      rate: the probability of zeroing, from 0 to less than 1.

    Returns:
      The layer; its carry is t, an int32 scalar. Without a key it changes nothing.

    Raises:
      ValueError: if `rate` is not from 0 to less than 1.

    References:
      Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014,
      for dropout only on the connections between layers.
    """
    check_rate(rate)

    def init(key, input_size):
        del key, input_size
        return {}

    def initial_carry(params, batch_shape=()):
        del params, batch_shape
        return jnp.zeros((), jnp.int32)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        time = initial_carry(params) if carry is None else carry
        inputs = jnp.asarray(inputs)
        check_steps(inputs, mask, is_first, 1)
        outputs = zero_masked(mask, inputs)
        if key is not None and rate > 0:
            num_steps, *shape = inputs.shape
            kept = draw_steps(key, 1 - rate, time, num_steps, tuple(shape))
            outputs = jnp.where(kept, outputs / (1 - rate), 0)
        return time + inputs.shape[0], outputs

    return causal_layer(init, initial_carry, apply)


@cached
def locked_dropout(rate: float) -> Layer:
    """Makes a layer that drops the same features at every step of a sequence.

    Each row of the batch has its own mask, which depends only on the key: a later chunk
    with the same key has the same mask, and sequences packed into one row share it.

    Args:
      rate: the probability of zeroing, from 0 to less than 1.

    Returns:
      The layer; its carry is `()`. Without a key it changes nothing.

    Raises:
      ValueError: if `rate` is not from 0 to less than 1.

    References:
      Gal and Ghahramani, "A Theoretically Grounded Application of Dropout in Recurrent
      Neural Networks", NeurIPS 2016, for one mask on all inputs; Merity, Keskar
      and Socher, "Regularizing and Optimizing LSTM Language Models", ICLR 2018, section
      4.2, for the same between layers.
    """
    check_rate(rate)

    def init(key, input_size):
        del key, input_size
        return {}

    def initial_carry(params, batch_shape=()):
        del params, batch_shape
        return ()

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        del params, carry
        inputs = jnp.asarray(inputs)
        check_steps(inputs, mask, is_first, 1)
        outputs = zero_masked(mask, inputs)
        if key is not None and rate > 0:
            outputs *= draw_scale(key, rate, inputs.shape[1:], inputs.dtype)
        return (), outputs

    return causal_layer(init, initial_carry, apply)

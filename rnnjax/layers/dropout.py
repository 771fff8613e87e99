"""Dropout between layers, with randomness bound to absolute time."""

import jax
import jax.numpy as jnp

from rnnjax.base import Layer, cached
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.masking import zero_masked


@cached
def dropout(rate: float) -> Layer:
    """Makes a layer that zeroes each entry at random and scales up the rest.

    The entries of step t are drawn from `fold_in(key, t)`, where t counts every step
    since the first chunk, masked or not. So a sequence gives the same whether it is
    run at once, in chunks with one key, or step by step.

    Args:
      rate: the probability of zeroing, from 0 to less than 1.

    Returns:
      The layer; its carry is t, an int32 scalar. Without a key it changes nothing.

    Raises:
      ValueError: if `rate` is not from 0 to less than 1.

    References:
      Zaremba, Sutskever and Vinyals, "Recurrent Neural Network Regularization", 2014,
      for dropout on the connections between layers alone.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be from 0 to less than 1, got {rate}.")

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
        times = time + jnp.arange(inputs.shape[0], dtype=jnp.int32)
        if key is not None and rate > 0:

            def keep(time):
                step_key = jax.random.fold_in(key, time)
                return jax.random.bernoulli(step_key, 1 - rate, inputs.shape[1:])

            outputs = jnp.where(jax.vmap(keep)(times), outputs / (1 - rate), 0)
        return time + inputs.shape[0], outputs

    return causal_layer(init, initial_carry, apply)

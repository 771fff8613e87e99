"""Decoders that take no row of their memory twice."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.attention.memory import Memory
from rnnjax.base import Array, Carry, Layer, cached, serializable
from rnnjax.layers.causal import causal_layer, check_steps
from rnnjax.masking import zero_masked


@serializable
class TakeOnceCarry(NamedTuple):
    """The carry of a decoder made by `take_once`.

    Attributes:
      decoder: that of the decoder itself.
      taken: `[...batch, num_rows]` bool, true for the rows that it has read; row 0 may
        be taken again.
    """

    decoder: Carry
    taken: Array


@cached
def take_once(decoder: Layer) -> Layer:
    """Makes a decoder whose logits are -inf for the rows that it has read.

    So what is left shares the probability, in training as in any decoding. Row 0, the
    end of a `pointer_network`, always stays.

    Args:
      decoder: a causal layer from numbers of rows to logits over the rows, which reads
        its memory, such as `stack(memory_rows(n), recurrent(cell), pointer(size, n))`.

    Returns:
      The layer, over a dict of `decoder`, its parameters, and `memory`, None until one
      is bound by `bind_memory`; its carry is a `TakeOnceCarry`.

    Raises:
      ValueError: if the decoder is not causal or does not read tokens; where it runs,
        if no memory is bound.

    Example:
      >>> from rnnjax.attention import Memory, bind_memory
      >>> decoder = rnnjax.layers.pointwise(
      ...     lambda key, size: {},
      ...     lambda params, numbers: jnp.zeros((*numbers.shape, 4)),
      ...     input_ndim=0,
      ... )
      >>> layer = take_once(decoder)
      >>> params = layer.init(jax.random.key(0), 4)
      >>> bound = bind_memory(params, Memory(jnp.ones((4, 2))))
      >>> layer.apply(bound, None, jnp.array([0, 3, 1]))[1]
      Array([[  0.,   0.,   0.,   0.],
             [  0.,   0.,   0., -inf],
             [  0., -inf,   0., -inf]], dtype=float32)
    """
    if decoder.step is None or decoder.input_ndim != 0:
        raise ValueError("decoder must be causal and read tokens, got another layer.")

    def init(key, input_size):
        return {"decoder": decoder.init(key, input_size), "memory": None}

    def initial_carry(params, batch_shape=()):
        taken = jnp.zeros((*batch_shape, _num_rows(params["memory"])), bool)
        own = decoder.initial_carry(params["decoder"], batch_shape)
        return TakeOnceCarry(own, taken)

    def apply(params, carry, inputs, *, mask=None, is_first=None, key=None):
        inputs = jnp.asarray(inputs)
        check_steps(inputs, mask, is_first, 0)
        if carry is None:
            carry = initial_carry(params, inputs.shape[1:])
        marks = {"mask": mask, "is_first": is_first, "key": key}
        own, logits = decoder.apply(params["decoder"], carry.decoder, inputs, **marks)
        rows = jnp.arange(carry.taken.shape[-1])
        read = zero_masked(mask, inputs)[..., None] == rows
        last, taken = _accumulate(carry.taken, read, is_first)
        logits = jnp.where(taken & (rows > 0), -jnp.inf, logits)
        return TakeOnceCarry(own, last), zero_masked(mask, logits)

    return causal_layer(init, initial_carry, apply, input_ndim=0)


def _num_rows(memory):
    if memory is None:
        raise ValueError(
            "memory must be bound to the parameters by bind_memory, got None."
        )
    return len(memory.values) if isinstance(memory, Memory) else 1


def _accumulate(taken, read, is_first):
    """Returns what is taken after the last step, and `[T, ...]` after each."""
    if is_first is None:
        is_first = jnp.zeros(read.shape[:-1], bool)

    def step(taken, marks):
        read, is_first = marks
        taken = (taken & ~is_first[..., None]) | read
        return taken, taken

    return jax.lax.scan(step, taken, (read, jnp.asarray(is_first)))

"""A stack of dilated layers as one cell."""

import jax
import jax.numpy as jnp

from rnnjax import Cell, elman
from rnnjax.base import cached


@cached
def dilated_stack_cell(hidden_size: int, dilations: tuple[int, ...]) -> Cell:
    """Makes one cell of the network that `rnnjax.layers.dilated_stack` runs as layers.

        hₜˡ = tanh(Uˡ hₜˡ⁻¹ + Wˡ hˡₜ₋d + bˡ)      d the dilation of layer l

    The diagnostics need a cell, with a single carry.

    Args:
      hidden_size: width of each layer.
      dilations: steps that each layer looks back.

    Returns:
      The cell; its carry is a queue of d states `[..., hidden_size]` per layer, first
      the one that the next step reads.

    References:
      Chang et al., "Dilated Recurrent Neural Networks", NeurIPS 2017, equation 2.
    """
    plain = elman(hidden_size)

    def init(key, input_size):
        keys = jax.random.split(key, len(dilations))
        widths = [input_size] + [hidden_size] * (len(dilations) - 1)
        return [plain.init(own, width) for own, width in zip(keys, widths)]

    def initial_carry(params, batch_shape=()):
        dtype = params[0]["kernel"].dtype
        zeros = jnp.zeros((*batch_shape, hidden_size), dtype)
        return [[zeros] * dilation for dilation in dilations]

    def step(params, carry, inputs):
        new_carry = []
        for own, (oldest, *others) in zip(params, carry):
            h, inputs = plain.step(own, oldest, inputs)
            new_carry.append([*others, h])
        return new_carry, inputs

    return Cell(init, initial_carry, step)

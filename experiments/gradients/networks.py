"""The networks whose gradients are compared."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax import Cell, elman, gru, lstm, lstm_variant
from rnnjax.base import cached
from rnnjax.cells.antisymmetric import antisymmetric_rnn
from rnnjax.cells.higher_order import higher_order
from rnnjax.cells.orthogonal import orthogonal_rnn

DILATIONS = 1, 4, 16


class Network(NamedTuple):
    """A cell, and what the pictures call it.

    Attributes:
      label: what stands above its picture.
      cell: the cell.
    """

    label: str
    cell: Cell


def make_networks(hidden_size: int) -> dict[str, Network]:
    """Makes the networks, by the names that the results have for them.

    Args:
      hidden_size: width of every carry; the dilated network has one a layer.
    """
    normal = initializers.lecun_normal()
    kept_by_relu = initializers.variance_scaling(2.0, "fan_in", "normal")
    a_quarter = initializers.variance_scaling(0.25, "fan_in", "normal")
    H = hidden_size
    return {
        "tanh": Network("tanh, normal W", elman(H, recurrent_kernel_init=normal)),
        "tanh_orthogonal": Network("tanh, W starts orthogonal", elman(H)),
        "relu": Network(
            "ReLU",
            elman(H, activation="relu", recurrent_kernel_init=kept_by_relu),
        ),
        "orthogonal": Network("modReLU, W stays orthogonal", orthogonal_rnn(H)),
        "lstm_no_forget": Network("LSTM, no forget gate", lstm_variant(H, gates="io")),
        "lstm_forget_0": Network("LSTM, forget bias 0", lstm(H, forget_bias=0.0)),
        "lstm_forget_5": Network("LSTM, forget bias 5", lstm(H, forget_bias=5.0)),
        "gru_update_0": Network("GRU, update bias 0", gru(H, update_bias=0.0)),
        "gru_update_5": Network("GRU, update bias 5", gru(H, update_bias=5.0)),
        "skips": Network(
            "tanh, skips of 1 to 4 steps",
            higher_order(H, 4, recurrent_kernel_init=a_quarter),
        ),
        "residual": Network(
            "residual through time", antisymmetric_rnn(H, step_size=0.1)
        ),
        "dilated": Network(
            f"tanh, dilations {', '.join(map(str, DILATIONS))}",
            dilated_stack_cell(H, DILATIONS),
        ),
    }


@cached
def dilated_stack_cell(hidden_size: int, dilations: tuple[int, ...]) -> Cell:
    """Makes one cell of what `rnnjax.layers.dilated_stack` runs as layers.

        hₜˡ = tanh(Uˡ hₜˡ⁻¹ + Wˡ hˡₜ₋d + bˡ)      d the dilation of layer l

    The diagnostics ask for a cell: what goes through time must be one carry.

    Args:
      hidden_size: width of each layer.
      dilations: how far each layer looks back, in steps.

    Returns:
      The cell; its carry is a queue of d states `[..., hidden_size]` a layer, first
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

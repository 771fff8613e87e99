"""The LSTM over a line, a plane or a space, with convolutions for products."""

import functools
from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.convolution import check_positions, convolve, input_channels
from rnnjax.cells.parts.gated import GateBias, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.peepholes import add_peephole, draw_peepholes
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import Initializer
from rnnjax.products import split


def lstm_convolutional_step(
    params: Params, carry: LSTMCarry, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one step of a convolutional LSTM; ∗ is a convolution.

        iₜ = σ(Uᵢ ∗ xₜ + Wᵢ ∗ hₜ₋₁ + pᵢ ∘ cₜ₋₁ + bᵢ)
        fₜ = σ(U_f ∗ xₜ + W_f ∗ hₜ₋₁ + p_f ∘ cₜ₋₁ + b_f)
        gₜ = tanh(U_g ∗ xₜ + W_g ∗ hₜ₋₁ + b_g)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        oₜ = σ(Uₒ ∗ xₜ + Wₒ ∗ hₜ₋₁ + pₒ ∘ cₜ + bₒ)
        hₜ = oₜ ∘ tanh(cₜ)

    Inputs and h are padded with zeros, so that the number of positions is unchanged.

    Args:
      params: dict of `kernel` U `[*kernel_shape, input_channels, 4 * hidden_size]`,
        `recurrent_kernel` W `[*kernel_shape, hidden_size, 4 * hidden_size]` and,
        optionally, `bias` b `[4 * hidden_size]` and the peepholes `peephole_i`,
        `peephole_f`, `peephole_o` `[*spatial_shape, hidden_size]`; the channels of the
        gates are in the order i, f, g, o.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., *spatial_shape, input_channels]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., *spatial_shape, hidden_size]`.

    References:
      Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for
      Precipitation Nowcasting", NeurIPS 2015, equation 3.
    """
    spatial_shape = carry.h.shape[1 - params["kernel"].ndim : -1]
    return _factors(spatial_shape).step(params, carry, inputs)


@cell_maker
def lstm_convolutional(
    hidden_size: int,
    spatial_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    use_peepholes: bool = False,
    forget_bias: GateBias = 1.0,
    peephole_init: Initializer = initializers.zeros,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a convolutional LSTM cell; see `lstm_convolutional_step`.

    Args:
      hidden_size: number of channels of h, of c and of the outputs.
      spatial_shape: number of positions along each of 1 to 3 axes.
      kernel_shape: size of the kernels along the same axes.
      use_peepholes: whether the gates have peepholes, one weight per position and
        channel, as in the paper.
      forget_bias: added to the initial bias of the forget gate.
      peephole_init: initializer of the peepholes.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell, over `LSTMCarry`; its input size is `(*spatial_shape, channels)`.

    Raises:
      ValueError: if a size is not positive, if there are not 1 to 3 axes, the same
        number for the kernel, or if `init` is given another input size.

    Example: away from the edges, moving the inputs moves the outputs.
      >>> cell = lstm_convolutional(2, (9,), (3,))
      >>> params = cell.init(jax.random.key(0), (9, 1))
      >>> def step(position):
      ...     inputs = jnp.zeros((9, 1)).at[position].set(1.0)
      ...     return cell.step(params, cell.initial_carry(params), inputs)[1]
      >>> bool(jnp.allclose(step(3)[2:5], step(5)[4:7]))
      True
    """
    check_positions(spatial_shape, kernel_shape)
    plain = gated_init(
        hidden_size,
        "ifgo",
        kernel_shape=kernel_shape,
        gate_biases={"f": forget_bias},
        **weights,
    )
    dtype = WeightOptions(**weights).dtype
    shape = (*spatial_shape, hidden_size)

    def init(key, input_size):
        params = plain(key, input_channels(input_size, spatial_shape))
        keys, gates = jax.random.split(key, 6)[3:], "ifo" if use_peepholes else ""
        return params | draw_peepholes(keys, gates, peephole_init, shape, dtype)

    return factored_cell(
        init,
        zero_carry(shape, shape, carry_type=LSTMCarry),
        _factors(spatial_shape, weights.get("compute_dtype")),
        input_ndim=len(shape),
    )


def _factors(spatial_shape, compute_dtype=None):
    def update(params, carry, pre):
        i, f, g, o = split(pre, 4)
        i = sigmoid(add_peephole(params, "i", i, carry.c))
        f = sigmoid(add_peephole(params, "f", f, carry.c))
        c = f * carry.c + i * jnp.tanh(g)
        o = sigmoid(add_peephole(params, "o", o, c))
        return LSTMCarry(h=o * jnp.tanh(c), c=c)

    return gated_factors(
        update,
        compute_dtype,
        shown=lambda carry: carry.h,
        product=functools.partial(convolve, spatial_shape=spatial_shape),
    )

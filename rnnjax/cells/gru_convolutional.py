"""The GRU over a line, a plane or a space, with convolutions for products."""

import functools
from typing import Unpack

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.convolution import check_positions, convolve, input_channels
from rnnjax.cells.parts.gated import gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.products import split


def gru_convolutional_step(
    params: Params, carry: Array, inputs: Array
) -> tuple[Array, Array]:
    """Computes one step of a convolutional GRU; ∗ is a convolution.

        rₜ = σ(Uᵣ ∗ xₜ + Wᵣ ∗ hₜ₋₁ + bᵣ)
        zₜ = σ(U_z ∗ xₜ + W_z ∗ hₜ₋₁ + b_z)
        nₜ = tanh(Uₙ ∗ xₜ + Wₙ ∗ (rₜ ∘ hₜ₋₁) + bₙ)
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    Inputs and h are padded with zeros, so that the number of positions is unchanged.
    The candidate's convolution is computed after the reset gate, inside the loop over
    time.

    Args:
      params: dict of `kernel` U `[*kernel_shape, input_channels, 3 * hidden_size]`,
        `recurrent_kernel` Wᵣ, W_z `[*kernel_shape, hidden_size, 2 * hidden_size]`,
        `candidate_kernel` Wₙ `[*kernel_shape, hidden_size, hidden_size]` and,
        optionally, `bias` b `[3 * hidden_size]`; the channels of the gates are in the
        order r, z, n.
      carry: `[..., *spatial_shape, hidden_size]`, hₜ₋₁.
      inputs: `[..., *spatial_shape, input_channels]`, xₜ.

    Returns:
      hₜ `[..., *spatial_shape, hidden_size]`, as the carry and as the outputs.

    References:
      Ballas, Yao, Pal and Courville, "Delving Deeper into Convolutional Networks for
      Learning Video Representations", ICLR 2016, equations 5 to 8. They have no biases
      and exchange z and 1 - z.
    """
    spatial_shape = carry.shape[1 - params["kernel"].ndim : -1]
    return _factors(spatial_shape).step(params, carry, inputs)


@cell_maker
def gru_convolutional(
    hidden_size: int,
    spatial_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a convolutional GRU cell; see `gru_convolutional_step`.

    Args:
      hidden_size: number of channels of the carry and of the outputs.
      spatial_shape: number of positions along each of 1 to 3 axes.
      kernel_shape: size of the kernels along the same axes.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., *spatial_shape, hidden_size]`, its input
      size `(*spatial_shape, channels)`.

    Raises:
      ValueError: if a size is not positive, if there are not 1 to 3 axes, the same
        number for the kernel, or if `init` is given another input size.

    Example: away from the edges, moving the inputs moves the outputs.
      >>> cell = gru_convolutional(2, (9,), (3,))
      >>> params = cell.init(jax.random.key(0), (9, 1))
      >>> def step(position):
      ...     inputs = jnp.zeros((9, 1)).at[position].set(1.0)
      ...     return cell.step(params, cell.initial_carry(params), inputs)[1]
      >>> bool(jnp.allclose(step(3)[2:5], step(5)[4:7]))
      True
    """
    check_positions(spatial_shape, kernel_shape)
    plain = gated_init(
        hidden_size, "rzn", kernel_shape=kernel_shape, candidate_apart=True, **weights
    )

    def init(key, input_size):
        return plain(key, input_channels(input_size, spatial_shape))

    shape = (*spatial_shape, hidden_size)
    factors = _factors(spatial_shape, weights.get("compute_dtype"))
    return factored_cell(init, zero_carry(shape), factors, input_ndim=len(shape))


def _factors(spatial_shape, compute_dtype=None):
    product = functools.partial(convolve, spatial_shape=spatial_shape)

    def update(params, carry, pre):
        rz, n = pre
        r, z = split(sigmoid(rz), 2)
        pull = product(r * carry, params["candidate_kernel"], compute_dtype)
        return (1 - z) * jnp.tanh(n + pull) + z * carry

    return gated_factors(update, compute_dtype, candidate_apart=True, product=product)

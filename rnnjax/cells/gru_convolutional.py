"""The GRU over a line, a plane or a space, its products convolutions."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    check_positive,
    factored_cell,
    factored_step,
)
from rnnjax.cells.parts.convolution import check_positions, convolve, input_channels
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import split


def gru_convolutional_step(
    params: Params, carry: Array, inputs: Array
) -> tuple[Array, Array]:
    """Computes one step of a convolutional GRU; ∗ is a convolution.

        rₜ = σ(Uᵣ ∗ xₜ + Wᵣ ∗ hₜ₋₁ + bᵣ)
        zₜ = σ(U_z ∗ xₜ + W_z ∗ hₜ₋₁ + b_z)
        nₜ = tanh(Uₙ ∗ xₜ + Wₙ ∗ (rₜ ∘ hₜ₋₁) + bₙ)
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    The channels of the gates stand side by side in the order r, z, n. Beyond the edges
    there are zeros, so the positions stay as many as they are. The second convolution
    waits for the reset gate, so it stays in the loop of time.

    Args:
      params: dict of `kernel` U `[*kernel_shape, input_channels, 3 * hidden_size]`,
        `recurrent_kernel` Wᵣ, W_z `[*kernel_shape, hidden_size, 2 * hidden_size]`,
        `candidate_kernel` Wₙ `[*kernel_shape, hidden_size, hidden_size]` and, unless
        left out, `bias` b `[3 * hidden_size]`.
      carry: `[..., *spatial_shape, hidden_size]`, hₜ₋₁.
      inputs: `[..., *spatial_shape, input_channels]`, xₜ.

    Returns:
      hₜ `[..., *spatial_shape, hidden_size]`, as the carry and as the outputs.

    References:
      Ballas, Yao, Pal and Courville, "Delving Deeper into Convolutional Networks for
      Learning Video Representations", ICLR 2016, equations 5 to 8. They have no biases
      and exchange z and 1 - z, as `gru_reset_before_step` does not.
    """
    num_spatial = params["kernel"].ndim - 2
    spatial_shape = carry.shape[-num_spatial - 1 : -1]
    return factored_step(_factors(spatial_shape, None))(params, carry, inputs)


@cached
def gru_convolutional(
    hidden_size: int,
    spatial_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a convolutional GRU cell; see `gru_convolutional_step`.

    Args:
      hidden_size: number of channels of the carry and of the outputs.
      spatial_shape: number of positions along each of 1 to 3 axes.
      kernel_shape: how many of them a kernel covers, along the same axes.
      use_bias: whether there is a bias.
      kernel_init: initializer of each gate's input kernel.
      recurrent_kernel_init: initializer of each gate's recurrent kernel.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., *spatial_shape, hidden_size]`, its input
      size `(*spatial_shape, channels)`.

    Raises:
      ValueError: if `hidden_size` or another size is not positive, if there are not 1
        to 3 axes, as many for the kernel, or if another input size is asked for.

    Example:
      >>> cell = gru_convolutional(4, (8, 6), (3, 3))
      >>> params = cell.init(jax.random.key(0), (8, 6, 2))
      >>> carry = cell.initial_carry(params)
      >>> carry, outputs = cell.step(params, carry, jnp.ones((8, 6, 2)))
      >>> outputs.shape
      (8, 6, 4)
    """
    check_positive(hidden_size=hidden_size)
    check_positions(spatial_shape, kernel_shape)

    def init(key, input_size):
        channels = input_channels(input_size, spatial_shape)
        keys = jax.random.split(key, 3)
        width = 3 * hidden_size
        kernel = per_gate(kernel_init, 3)(
            keys[0], (*kernel_shape, channels, width), dtype
        )
        recurrent = per_gate(recurrent_kernel_init, 3)(
            keys[1], (*kernel_shape, hidden_size, width), dtype
        )
        gates, candidate = split(recurrent, [2 * hidden_size])
        params = {
            "kernel": kernel,
            "recurrent_kernel": gates,
            "candidate_kernel": candidate,
        }
        if use_bias:
            params["bias"] = bias_init(keys[2], (width,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        shape = (*batch_shape, *spatial_shape, hidden_size)
        return jnp.zeros(shape, params["recurrent_kernel"].dtype)

    return factored_cell(
        init,
        initial_carry,
        _factors(spatial_shape, compute_dtype),
        input_ndim=len(spatial_shape) + 1,
    )


@cached
def _factors(spatial_shape, compute_dtype):
    """A pre-activation is (rz, n): both gates, and the candidate without its carry."""

    def project(params, inputs):
        drive = convolve(inputs, params["kernel"], spatial_shape, compute_dtype)
        drive = drive + params["bias"] if "bias" in params else drive
        rz, n = split(drive, [drive.shape[-1] // 3 * 2])
        return rz, n

    def recur(params, carry):
        return convolve(
            carry, params["recurrent_kernel"], spatial_shape, compute_dtype
        ), None

    def update(params, carry, pre):
        rz, n = pre
        r, z = split(sigmoid(rz), 2)
        kernel = params["candidate_kernel"]
        n = jnp.tanh(n + convolve(r * carry, kernel, spatial_shape, compute_dtype))
        return (1 - z) * n + z * carry

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)

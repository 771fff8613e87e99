"""The LSTM over a line, a plane or a space, its products convolutions."""

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
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.convolution import check_positions, convolve, input_channels
from rnnjax.initializers import Initializer, per_gate
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

    The channels of the gates stand side by side in the order i, f, g, o. Beyond the
    edges there are zeros, so the positions stay as many as they are.

    Args:
      params: dict of `kernel` U `[*kernel_shape, input_channels, 4 * hidden_size]`,
        `recurrent_kernel` W `[*kernel_shape, hidden_size, 4 * hidden_size]` and, unless
        left out, `bias` b `[4 * hidden_size]` and the peepholes `peephole_i`,
        `peephole_f`, `peephole_o` `[*spatial_shape, hidden_size]`.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., *spatial_shape, input_channels]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., *spatial_shape, hidden_size]`.

    References:
      Shi et al., "Convolutional LSTM Network: A Machine Learning Approach for
      Precipitation Nowcasting", NeurIPS 2015, equation 3.
    """
    num_spatial = params["kernel"].ndim - 2
    spatial_shape = carry.h.shape[-num_spatial - 1 : -1]
    return factored_step(_factors(spatial_shape, None))(params, carry, inputs)


@cached
def lstm_convolutional(
    hidden_size: int,
    spatial_shape: tuple[int, ...],
    kernel_shape: tuple[int, ...],
    *,
    use_peepholes: bool = False,
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    peephole_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a convolutional LSTM cell; see `lstm_convolutional_step`.

    Args:
      hidden_size: number of channels of h, of c and of the outputs.
      spatial_shape: number of positions along each of 1 to 3 axes.
      kernel_shape: how many of them a kernel covers, along the same axes.
      use_peepholes: whether the gates see c, as in the paper; a weight a position.
      use_bias: whether there is a bias.
      forget_bias: what is added to the initial bias of the forget gate.
      kernel_init: initializer of each gate's input kernel.
      recurrent_kernel_init: initializer of each gate's recurrent kernel.
      bias_init: initializer of the bias, before `forget_bias` is added.
      peephole_init: initializer of the peepholes.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `LSTMCarry`; its input size is `(*spatial_shape, channels)`.

    Raises:
      ValueError: if `hidden_size` or another size is not positive, if there are not 1
        to 3 axes, as many for the kernel, or if another input size is asked for.

    Example:
      >>> cell = lstm_convolutional(4, (8, 6), (3, 3))
      >>> params = cell.init(jax.random.key(0), (8, 6, 2))
      >>> carry = cell.initial_carry(params)
      >>> carry, outputs = cell.step(params, carry, jnp.ones((8, 6, 2)))
      >>> outputs.shape, carry.c.shape
      ((8, 6, 4), (8, 6, 4))
    """
    check_positive(hidden_size=hidden_size)
    check_positions(spatial_shape, kernel_shape)

    def init(key, input_size):
        channels = input_channels(input_size, spatial_shape)
        keys = jax.random.split(key, 6)
        width = 4 * hidden_size
        params = {
            "kernel": per_gate(kernel_init, 4)(
                keys[0], (*kernel_shape, channels, width), dtype
            ),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 4)(
                keys[1], (*kernel_shape, hidden_size, width), dtype
            ),
        }
        if use_bias:
            i, f, g, o = split(bias_init(keys[2], (width,), dtype), 4)
            params["bias"] = jnp.concatenate([i, f + forget_bias, g, o])
        if use_peepholes:
            for name, peephole_key in zip("ifo", keys[3:]):
                params[f"peephole_{name}"] = peephole_init(
                    peephole_key, (*spatial_shape, hidden_size), dtype
                )
        return params

    def initial_carry(params, batch_shape=()):
        shape = (*batch_shape, *spatial_shape, hidden_size)
        dtype = params["recurrent_kernel"].dtype
        return LSTMCarry(h=jnp.zeros(shape, dtype), c=jnp.zeros(shape, dtype))

    return factored_cell(
        init,
        initial_carry,
        _factors(spatial_shape, compute_dtype),
        input_ndim=len(spatial_shape) + 1,
    )


@cached
def _factors(spatial_shape, compute_dtype):
    def project(params, inputs):
        drive = convolve(inputs, params["kernel"], spatial_shape, compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return convolve(
            carry.h, params["recurrent_kernel"], spatial_shape, compute_dtype
        )

    def update(params, carry, pre):
        i, f, g, o = split(pre, 4)
        if "peephole_i" in params:
            i = i + params["peephole_i"] * carry.c
            f = f + params["peephole_f"] * carry.c
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        if "peephole_o" in params:
            o = o + params["peephole_o"] * c
        return LSTMCarry(h=sigmoid(o) * jnp.tanh(c), c=c)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)

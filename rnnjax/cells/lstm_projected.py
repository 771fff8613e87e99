"""The LSTM whose outputs are a projection of its gated memory."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Params, check_positive, factored_cell
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.gated import GateBias, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.products import matmul, split


def lstm_projected_step(
    params: Params, carry: LSTMCarry, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one step of an LSTM with a recurrent projection.

        [iₜ, fₜ, gₜ, oₜ] = U xₜ + W hₜ₋₁ + b
        cₜ = σ(fₜ) ∘ cₜ₋₁ + σ(iₜ) ∘ tanh(gₜ)
        hₜ = W_h (σ(oₜ) ∘ tanh(cₜ))

    The projection is computed after the gates, inside the loop over time.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[projection_size, 4 * hidden_size]`, `projection_kernel` W_h
        `[hidden_size, projection_size]` and, optionally, `bias` b `[4 * hidden_size]`;
        gates in the order i, f, g, o.
      carry: hₜ₋₁ `[..., projection_size]` and cₜ₋₁ `[..., hidden_size]`.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., projection_size]`.

    References:
      Sak, Senior and Beaufays, "Long Short-Term Memory Recurrent Neural Network
      Architectures for Large Scale Acoustic Modeling", Interspeech 2014, equations 7 to
      14, where h is called r. Without their peepholes and their second, nonrecurrent
      projection, as in PyTorch's `proj_size`.
    """
    return _factors().step(params, carry, inputs)


@cell_maker
def lstm_projected(
    hidden_size: int,
    projection_size: int,
    *,
    forget_bias: GateBias = 1.0,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes an LSTM cell with a projection; see `lstm_projected_step`.

    Args:
      hidden_size: width of c.
      projection_size: width of h and of the outputs.
      forget_bias: added to the initial bias of the forget gate.
      **weights: options of the parameters, see `Weights`; the projection is drawn by
        `kernel_init`.

    Returns:
      The cell, over `LSTMCarry`.

    Example: with W_h = I it is an LSTM.
      >>> cell = lstm_projected(4, 4)
      >>> params = cell.init(jax.random.key(0), 3) | {"projection_kernel": jnp.eye(4)}
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> lstm = rnnjax.lstm(4)
      >>> _, want = lstm.step(params, lstm.initial_carry(params), jnp.ones(3))
      >>> bool(jnp.all(outputs == want))
      True
    """
    check_positive(projection_size=projection_size)
    plain = gated_init(
        hidden_size,
        "ifgo",
        recurrent_size=projection_size,
        gate_biases={"f": forget_bias},
        **weights,
    )
    options = WeightOptions(**weights)

    def init(key, input_size):
        keys = jax.random.split(key, 4)
        params = plain(key, input_size, bias_key=keys[3])
        shape = (hidden_size, projection_size)
        projection = options.kernel_init(keys[2], shape, options.dtype)
        return params | {"projection_kernel": projection}

    initial_carry = zero_carry(projection_size, hidden_size, carry_type=LSTMCarry)
    return factored_cell(init, initial_carry, _factors(options.compute_dtype))


def _factors(compute_dtype=None):
    def update(params, carry, pre):
        i, f, g, o = split(pre, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        gated = sigmoid(o) * jnp.tanh(c)
        h = matmul(gated, params["projection_kernel"], compute_dtype)
        return LSTMCarry(h=h, c=c)

    return gated_factors(update, compute_dtype, shown=lambda carry: carry.h)

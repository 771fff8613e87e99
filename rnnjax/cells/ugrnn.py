"""The update gate network: a simple network whose carry passes a gate."""

from typing import Unpack

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.gated import GateBias, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.products import split


def ugrnn_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of an update gate network.

        gₜ = σ(U_g xₜ + W_g hₜ₋₁ + b_g)
        nₜ = tanh(Uₙ xₜ + Wₙ hₜ₋₁ + bₙ)
        hₜ = gₜ ∘ hₜ₋₁ + (1 - gₜ) ∘ nₜ

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 2 * hidden_size]` and, optionally, `bias` b `[2 * hidden_size]`;
        gates in the order g, n.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Collins, Sohl-Dickstein and Sussillo, "Capacity and Trainability in Recurrent
      Neural Networks", ICLR 2017, appendix; there a constant is added to the gate,
      here it is part of the initial bias.
    """
    return _factors().step(params, carry, inputs)


@cell_maker
def ugrnn(
    hidden_size: int,
    *,
    update_bias: GateBias = 1.0,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes an update gate network; see `ugrnn_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      update_bias: added to the initial bias of g; above 0 the carry is kept for longer.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: an open gate keeps the carry.
      >>> cell = ugrnn(3, update_bias=100.0)
      >>> params = cell.init(jax.random.key(0), 2)
      >>> cell.step(params, jnp.array([1.0, 2.0, 3.0]), jnp.ones(2))[0]
      Array([1., 2., 3.], dtype=float32)
    """
    init = gated_init(hidden_size, "gn", gate_biases={"g": update_bias}, **weights)
    return factored_cell(
        init, zero_carry(hidden_size), _factors(weights.get("compute_dtype"))
    )


def _factors(compute_dtype=None):
    def update(params, carry, pre):
        g, n = split(pre, 2)
        g = sigmoid(g)
        return g * carry + (1 - g) * jnp.tanh(n)

    return gated_factors(update, compute_dtype)

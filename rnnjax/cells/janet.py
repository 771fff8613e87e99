"""The LSTM with a forget gate alone."""

from typing import Unpack

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.gated import GateBias, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.products import split


def janet_step(
    params: Params, carry: Array, inputs: Array, *, beta: float = 1.0
) -> tuple[Array, Array]:
    """Computes one step of a JANET (Just Another NETwork).

        sₜ = U_f xₜ + W_f hₜ₋₁ + b_f
        gₜ = tanh(U_g xₜ + W_g hₜ₋₁ + b_g)
        hₜ = σ(sₜ) ∘ hₜ₋₁ + (1 - σ(sₜ - β)) ∘ gₜ

    With β > 0 more is added than is forgotten, so h may leave [-1, 1].

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 2 * hidden_size]` and, optionally, `bias` b `[2 * hidden_size]`;
        gates in the order f, g.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      beta: β.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      van der Westhuizen and Lasenby, "The Unreasonable Effectiveness of the Forget
      Gate", 2018, section 3, where h is also called c.
    """
    return _factors(beta).step(params, carry, inputs)


@cell_maker
def janet(
    hidden_size: int,
    *,
    beta: float = 1.0,
    forget_bias: GateBias = 1.0,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a JANET cell; see `janet_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      beta: β, how much more is added than forgotten; 1 in the paper.
      forget_bias: added to the initial bias of f; in the paper `chrono(num_steps)`.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: an open forget gate keeps the carry.
      >>> cell = janet(3, forget_bias=100.0)
      >>> params = cell.init(jax.random.key(0), 2)
      >>> cell.step(params, jnp.array([1.0, 2.0, 3.0]), jnp.ones(2))[0]
      Array([1., 2., 3.], dtype=float32)
    """
    init = gated_init(hidden_size, "fg", gate_biases={"f": forget_bias}, **weights)
    return factored_cell(
        init, zero_carry(hidden_size), _factors(beta, weights.get("compute_dtype"))
    )


def _factors(beta, compute_dtype=None):
    def update(params, carry, pre):
        s, g = split(pre, 2)
        return sigmoid(s) * carry + (1 - sigmoid(s - beta)) * jnp.tanh(g)

    return gated_factors(update, compute_dtype)

"""The minimal gated unit: a GRU with one gate."""

from typing import Unpack

import jax.numpy as jnp
from jax.nn import sigmoid

from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.gated import gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.products import matmul


def mgu_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a minimal gated unit.

        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + b_f)
        nₜ = tanh(Uₙ xₜ + Wₙ (fₜ ∘ hₜ₋₁) + bₙ)
        hₜ = (1 - fₜ) ∘ hₜ₋₁ + fₜ ∘ nₜ

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]`, `recurrent_kernel` W_f
        and `candidate_kernel` Wₙ `[hidden_size, hidden_size]` and, optionally, `bias` b
        `[2 * hidden_size]`; gates in the order f, n.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Zhou, Wu, Zhang and Zhou, "Minimal Gated Unit for Recurrent Neural Networks",
      International Journal of Automation and Computing 2016, equations 6a to 6c.
    """
    return _factors().step(params, carry, inputs)


@cell_maker
def mgu(hidden_size: int, **weights: Unpack[Weights]) -> Cell:
    """Makes a minimal gated unit; see `mgu_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: where the gate is closed, the carry is kept.
      >>> cell = mgu(3, bias_init=jax.nn.initializers.constant(-100.0))
      >>> params = cell.init(jax.random.key(0), 2)
      >>> cell.step(params, jnp.array([1.0, 2.0, 3.0]), jnp.ones(2))[0]
      Array([1., 2., 3.], dtype=float32)
    """
    init = gated_init(hidden_size, "fn", candidate_apart=True, **weights)
    return factored_cell(
        init, zero_carry(hidden_size), _factors(weights.get("compute_dtype"))
    )


def _factors(compute_dtype=None):
    def update(params, carry, pre):
        f = sigmoid(pre[0])
        product = matmul(f * carry, params["candidate_kernel"], compute_dtype)
        return (1 - f) * carry + f * jnp.tanh(pre[1] + product)

    return gated_factors(update, compute_dtype, candidate_apart=True)

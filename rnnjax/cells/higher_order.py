"""Simple recurrent networks that read several previous steps."""

from typing import Unpack

import jax
import jax.numpy as jnp

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, check_positive, factored_cell
from rnnjax.cells.elman import elman
from rnnjax.cells.parts.gated import gated_factors, zero_carry
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.products import matmul


def higher_order_step(
    params: Params,
    carry: tuple[Array, ...],
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[tuple[Array, ...], Array]:
    """Computes one step of a recurrent network of higher order.

        hₜ = f(A xₜ + B₁ hₜ₋₁ + B₂ hₜ₋₂ + ... + b)

    Args:
      params: dict of `kernel` A `[input_size, hidden_size]`, `recurrent_kernel`
        `[order * hidden_size, hidden_size]` with B₁, B₂, ... along its first axis and,
        optionally, `bias` b `[hidden_size]`.
      carry: hₜ₋₁, hₜ₋₂, ..., `[..., hidden_size]` for each of the matrices.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ, hₜ₋₁, ... as the carry, and hₜ `[..., hidden_size]` as the outputs.

    References:
      Soltani and Jiang, "Higher Order Recurrent Neural Networks", 2016, equation 3.
    """
    return _factors(as_activation(activation)).step(params, carry, inputs)


@cell_maker
def higher_order(
    hidden_size: int,
    order: int,
    *,
    activation: str | Activation = jnp.tanh,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes the cell of `higher_order_step`; with order 1 it is `elman`.

    Args:
      hidden_size: width of each h and of the outputs.
      order: number of previous steps that are read.
      activation: f, or its name.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is a tuple of `order` arrays `[..., hidden_size]`, the latest
      first.

    Example: with B₂ alone, odd and even steps are two separate networks.
      >>> cell = higher_order(1, 2, activation="identity", use_bias=False)
      >>> params = {"kernel": jnp.eye(1), "recurrent_kernel": jnp.eye(2, 1, k=-1)}
      >>> inputs = jnp.array([[1.0], [10.0], [1.0], [10.0], [1.0]])
      >>> rnnjax.unroll(cell, params, inputs)[1].ravel()
      Array([ 1., 10.,  2., 20.,  3.], dtype=float32)
    """
    check_positive(order=order)
    plain = elman(hidden_size, **weights)

    def init(key, input_size):
        drawn = [plain.init(own, input_size) for own in jax.random.split(key, order)]
        kernels = jnp.concatenate([own["recurrent_kernel"] for own in drawn])
        return drawn[0] | {"recurrent_kernel": kernels}

    initial_carry = zero_carry(*[hidden_size] * order, carry_type=lambda *h: h)
    factors = _factors(as_activation(activation), weights.get("compute_dtype"))
    return factored_cell(init, initial_carry, factors)


def _factors(activation, compute_dtype=None):
    def recur(params, carry):
        previous = jnp.concatenate(carry, axis=-1)
        return matmul(previous, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        return (activation(pre), *carry[:-1])

    factors = gated_factors(update, compute_dtype, shown=lambda carry: carry[0])
    return factors._replace(recur=recur)

"""Jacobians of the steps, and their products."""

from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Cell, Params
from rnnjax.diagnostics.trajectory import (
    as_vector,
    carries_read,
    over_batch,
    vector_step,
)


def step_jacobians(
    cell: Cell, params: Params, inputs: Any, *, carry: Carry | None = None
) -> Array:
    """Computes the Jacobian of every step along the trajectory.

        Jₜ = ∂hₜ / ∂hₜ₋₁        (Elman: diag(f'(aₜ)) W)

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      carry: the carry that the first step reads; None: the initial one.

    Returns:
      `[T, ...batch, size, size]`; row i, column j is the derivative of entry i of the
      carry with respect to entry j of the previous carry, in the order of `as_vector`.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, equation 5.
    """
    step = vector_step(cell, params)

    def of_one(carry, inputs):
        return jax.jacfwd(step)(as_vector(carry)[0], carry, inputs)

    carries = carries_read(cell, params, inputs, carry=carry)
    return over_batch(of_one, cell, inputs)(carries, inputs)


def spectral_norms(jacobians: Array) -> Array:
    """Returns the largest singular values `[...]` of matrices `[..., size, size]`."""
    return jnp.linalg.norm(jacobians, ord=2, axis=(-2, -1))


def condition_numbers(jacobians: Array) -> Array:
    """Returns the condition numbers `[...]` of matrices `[..., size, size]`."""
    return jnp.linalg.cond(jacobians)


def product_norms(jacobians: Array) -> Array:
    """Computes the norms of products of Jacobians, back from the last step.

        ‖Jₜ Jₜ₋₁ ... Jₜ₋ₖ‖  for k = 0, 1, ...

    Args:
      jacobians: `[T, ...batch, size, size]`, of `step_jacobians`.

    Returns:
      `[T, ...batch]`, spectral norms; entry k is that of the last k + 1 Jacobians.

    Example:
      >>> product_norms(jnp.stack([0.5 * jnp.eye(2)] * 3))
      Array([0.5  , 0.25 , 0.125], dtype=float32)
    """

    def body(product, jacobian):
        product = product @ jacobian
        return product, spectral_norms(product)

    start = jnp.broadcast_to(jnp.eye(jacobians.shape[-1]), jacobians.shape[1:])
    return jax.lax.scan(body, start.astype(jacobians.dtype), jacobians[::-1])[1]

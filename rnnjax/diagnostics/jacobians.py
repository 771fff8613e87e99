"""Jacobians of a step, and what their products do to a gradient."""

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
    """Computes the Jacobian of every step on the way of the carry.

        Jₜ = ∂hₜ / ∂hₜ₋₁        (Elman: diag(f'(aₜ)) W)

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      carry: the carry that the first step reads; None: the initial one.

    Returns:
      `[T, ...batch, size, size]`; row i, column j is the derivative of number i of the
      carry by number j of the carry before, in the order of `as_vector`.

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
    """Returns largest over smallest singular value of matrices `[..., size, size]`."""
    return jnp.linalg.cond(jacobians)


def product_norms(jacobians: Array) -> Array:
    """Computes how far products of Jacobians reach back from the last step.

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

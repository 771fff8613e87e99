"""Lyapunov exponents: how fast nearby carries diverge or converge."""

import operator
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Cell, Params, batch_shape, prepared
from rnnjax.diagnostics.trajectory import as_vector, vector_step


def lyapunov_spectrum(
    cell: Cell,
    params: Params,
    inputs: Any,
    *,
    carry: Carry | None = None,
    num_exponents: int | None = None,
    num_discarded: int = 0,
) -> Array:
    """Computes the Lyapunov exponents of a cell driven by one sequence.

    The Jacobian of every step moves a set of directions, which a QR decomposition makes
    orthogonal again; its diagonal says by how much each was stretched:

        Jₜ Qₜ₋₁ = Qₜ Rₜ,   λᵢ = mean of log |Rₜ[i, i]| over t

    Args:
      cell: the cell; it is chaotic if its largest exponent is above 0.
      params: its parameters.
      inputs: `[T, input_size]`, one sequence; `jax.vmap` for more.
      carry: the carry that the first step reads; None: the initial one.
      num_exponents: how many, the largest first; None: all.
      num_discarded: initial steps to ignore, while the carry settles.

    Returns:
      `[num_exponents]`, in nats per step, the largest first (up to the error of a
      finite T).

    Raises:
      ValueError: if there are batch axes, if `num_exponents` exceeds the size of the
        carry, or if no step is left after `num_discarded`.

    References:
      Benettin, Galgani, Giorgilli and Strelcyn, "Lyapunov Characteristic Exponents for
      smooth dynamical systems", Meccanica 1980; Engelken, Wolf and Abbott, "Lyapunov
      spectra of chaotic recurrent neural networks", Physical Review Research 2023.
    """
    batch = batch_shape(inputs, cell.input_ndim)
    if batch:
        raise ValueError(f"inputs must have no batch axes, got {batch}; use jax.vmap.")
    params = prepared(cell, params)
    start = cell.initial_carry(params) if carry is None else carry
    size = as_vector(start)[0].size
    count = size if num_exponents is None else operator.index(num_exponents)
    if not 1 <= count <= size:
        raise ValueError(
            f"num_exponents must be from 1 to {size}, the numbers in the carry, "
            f"got {num_exponents}."
        )
    num_steps = jax.tree.leaves(inputs)[0].shape[0]
    if not 0 <= num_discarded < num_steps:
        raise ValueError(
            f"num_discarded must be from 0 to below {num_steps}, the number of steps, "
            f"got {num_discarded}."
        )
    step = vector_step(cell._replace(prepare=None), params)

    def body(carry_and_directions, inputs):
        carry, directions = carry_and_directions

        def push(direction):
            vector = as_vector(carry)[0]
            return jax.jvp(
                lambda vector: step(vector, carry, inputs), (vector,), (direction,)
            )[1]

        pushed = jax.vmap(push, 1, 1)(directions)
        directions, stretched = jnp.linalg.qr(pushed)
        carry = cell.step(params, carry, inputs)[0]
        return (carry, directions), jnp.log(jnp.abs(jnp.diagonal(stretched)))

    directions = jnp.eye(size, count, dtype=as_vector(start)[0].dtype)
    _, logs = jax.lax.scan(body, (start, directions), inputs)
    return logs[num_discarded:].mean(0)


def kaplan_yorke_dimension(exponents: Array) -> Array:
    """Computes the Kaplan-Yorke dimension of the attractor from its spectrum.

        D = k + (λ₁ + ... + λₖ) / |λₖ₊₁|,  k the largest with a sum that is not negative

    Args:
      exponents: `[size]`, the whole spectrum, the largest first.

    Returns:
      The dimension, from 0 to `size`.

    Example:
      >>> f"{kaplan_yorke_dimension(jnp.array([0.42, -1.62])):.3f}"
      '1.259'

    References:
      Kaplan and Yorke, "Chaotic behavior of multidimensional difference equations",
      1979.
    """
    sums = jnp.cumsum(exponents)
    count = jnp.sum(jnp.cumprod(sums >= 0))
    total = jnp.where(count > 0, sums[count - 1], 0)
    size = exponents.shape[0]
    following = jnp.abs(exponents[jnp.minimum(count, size - 1)])
    return jnp.where(count == size, size, count + total / following)

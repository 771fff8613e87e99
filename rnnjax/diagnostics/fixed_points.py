"""Fixed and slow points of a cell under constant inputs."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Cell, Params
from rnnjax.diagnostics.trajectory import as_vector, vector_step


class FixedPoints(NamedTuple):
    """Points at which a step changes the carry little or not at all.

    Attributes:
      points: `[n, size]`, carries as vectors; see `as_vector`.
      speeds: `[n]`, ½‖h' - h‖² there: 0 at a fixed point, small at a slow one.
      eigenvalues: `[n, size]`, complex, of the step's Jacobian there; if all are inside
        the unit circle, the point is attracting.
    """

    points: Array
    speeds: Array
    eigenvalues: Array


def fixed_points(
    cell: Cell,
    params: Params,
    inputs: Any,
    starts: Carry,
    *,
    num_iterations: int = 100,
    damping: float = 1e-3,
) -> FixedPoints:
    """Searches for points where a step changes the carry least, from many starts.

    Each start descends the speed q(h) = ½‖F(h) - h‖² by damped Gauss-Newton steps. A
    step that would increase the speed is rejected and the damping increased. A point
    that several starts reach is listed several times.

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[input_size]`, the constant inputs.
      starts: carries `[n, ...]`, such as those of a trajectory.
      num_iterations: Gauss-Newton steps.
      damping: initial value added to the diagonal.

    Returns:
      One point per start. Eigenvalues are computed on platforms that support it, such
      as the CPU.

    References:
      Sussillo and Barak, "Opening the Black Box: Low-Dimensional Dynamics in
      High-Dimensional Recurrent Neural Networks", Neural Computation 2013.
    """
    step = vector_step(cell, params)

    def search(carry):
        def change(vector):
            return step(vector, carry, inputs) - vector

        def speed(vector):
            return jnp.sum(change(vector) ** 2) / 2

        def body(_, state):
            vector, damping = state
            slope = jax.jacfwd(change)(vector)
            square = slope.T @ slope + damping * jnp.eye(vector.size)
            moved = vector - jnp.linalg.solve(square, slope.T @ change(vector))
            better = speed(moved) < speed(vector)
            damping = jnp.where(better, damping / 3, damping * 3)
            return jnp.where(better, moved, vector), damping

        vector = as_vector(carry)[0]
        state = vector, jnp.asarray(damping, vector.dtype)
        vector, _ = jax.lax.fori_loop(0, num_iterations, body, state)
        jacobian = jax.jacfwd(step)(vector, carry, inputs)
        return FixedPoints(vector, speed(vector), jnp.linalg.eigvals(jacobian))

    return jax.vmap(search)(starts)

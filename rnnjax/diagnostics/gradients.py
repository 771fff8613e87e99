"""Gradients along the backward pass through time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rnnjax.base import Array, Carry, Cell, Engine, Params, prepared
from rnnjax.diagnostics.jacobians import step_jacobians
from rnnjax.diagnostics.trajectory import (
    as_vector,
    carries_read,
    over_batch,
    part_floating,
)
from rnnjax.engines.scan import scan
from rnnjax.unroll import unroll


class LagNorms(NamedTuple):
    """Gradient norms by lag.

    Attributes:
      mean: `[T]`, geometric mean over losses and sequences; entry k is lag k.
      low: `[T]`, lower end of the mean's 95 % confidence band.
      high: `[T]`, upper end.
    """

    mean: Array
    low: Array
    high: Array


def carry_gradients(
    cell: Cell,
    params: Params,
    inputs: Any,
    loss: Callable[[Any], Array],
    *,
    carry: Carry | None = None,
    engine: Engine = scan,
) -> list[Array]:
    """Computes the gradient of a loss with respect to the carry each step reads.

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      loss: of the outputs `[T, ...]`, a scalar.
      carry: the carry that the first step reads; None: the initial one.
      engine: one that has reverse mode.

    Returns:
      One array `[T, ...batch, ...]` per floating leaf of the carry, in the order of
      `jax.tree.leaves`. Entry t is ∂loss / ∂hₜ₋₁, through step t and all later steps.
    """
    added = part_floating(carries_read(cell, params, inputs, carry=carry))[0]
    moved = _moved(cell)

    def score(added):
        _, outputs = unroll(moved, params, (inputs, added), carry=carry, engine=engine)
        return loss(outputs)

    return jax.grad(score)(jax.tree.map(jnp.zeros_like, added))


def gradient_norms_by_lag(
    cell: Cell,
    params: Params,
    inputs: Any,
    step_loss: Callable[[Any], Array],
    *,
    carry: Carry | None = None,
    engine: Engine = scan,
) -> LagNorms:
    """Computes how the gradient of the loss of one step decays or grows with the lag.

    That is the norm of ∂lossₜ / ∂hₜ₋ₖ₋₁ for every step t, lag k and sequence. It costs
    T backward passes, which run as one batch.

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      step_loss: from the outputs `[T, ...]` to losses `[T, ...batch]`, each of which
        depends only on the output of its own step.
      carry: the carry that the first step reads; None: the initial one.
      engine: one that has reverse mode.

    Returns:
      The mean norms by lag, with a confidence band that assumes log-normal, independent
      norms: it is too narrow where losses share steps.
    """
    added = part_floating(carries_read(cell, params, inputs, carry=carry))[0]
    moved = _moved(cell)

    def losses_of(added):
        _, outputs = unroll(moved, params, (inputs, added), carry=carry, engine=engine)
        return step_loss(outputs)

    losses, pull = jax.vjp(losses_of, jax.tree.map(jnp.zeros_like, added))
    num_steps, batch_rank = losses.shape[0], losses.ndim - 1

    def norms_from(t):
        of_step = jnp.zeros_like(losses).at[t].set(1)
        grads = pull(of_step)[0]
        squares = [(x**2).sum(axis=tuple(range(1 + batch_rank, x.ndim))) for x in grads]
        back = jnp.arange(num_steps)
        return jnp.sqrt(sum(squares))[t - back]  # by lag; from t + 1 on it wraps around

    norms = jax.vmap(norms_from)(jnp.arange(num_steps))
    return _by_lag(norms)


def gradient_by_lag(
    cell: Cell,
    params: Params,
    inputs: Any,
    loss: Callable[[Any], Array],
    *,
    carry: Carry | None = None,
) -> Params:
    """Computes the gradient of the parameters as a sum over lags.

        ∂L/∂θ = Σₖ Σₜ ∂L/∂oₜ · ∂oₜ/∂hₜ₋₁ · Jₜ₋₁ Jₜ₋₂ ... Jₜ₋ₖ₊₁ · ∂⁺hₜ₋ₖ/∂θ

    where ∂⁺ is the derivative of a single step. Lag 0 is the contribution of the same
    step.

    Args:
      cell: the cell.
      params: its parameters.
      inputs: `[T, ..., input_size]`.
      loss: of the outputs `[T, ...]`, a scalar.
      carry: the carry that the first step reads; None: the initial one, whose own
        gradient, if it is learned, is not part of the sum.

    Returns:
      A list of the floating leaves of the parameters, each with a first axis of lags,
      `[T, ...]`; the sum over it is the gradient of `jax.grad`.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, equations 3 to 5.
    """
    carries = carries_read(cell, params, inputs, carry=carry)
    jacobians = step_jacobians(cell, params, inputs, carry=carry)
    floats, put_back = part_floating(params)

    def own_step(floats, vector, carry, inputs):
        """One step of one sequence: the carry as a vector, and the outputs."""
        _, carry_back = as_vector(carry)
        own = prepared(cell, put_back(floats))
        carry, outputs = cell.step(own, carry_back(vector), inputs)
        return as_vector(carry)[0], outputs

    def step_back(carry, inputs, to_carry, to_outputs):
        vector = as_vector(carry)[0]

        def of_carry(floats, vector):
            return own_step(floats, vector, carry, inputs)

        _, pull = jax.vjp(of_carry, floats, vector)
        return pull((to_carry, to_outputs))

    all_back = over_batch(step_back, cell, inputs)
    _, outputs = unroll(cell, params, inputs, carry=carry, engine=scan)
    to_outputs = jax.grad(loss)(outputs)
    nothing = jnp.zeros(jacobians.shape[:-1], jacobians.dtype)
    direct, row = all_back(carries, inputs, nothing, to_outputs)
    none_out = jax.tree.map(jnp.zeros_like, to_outputs)

    def total(grads):
        """Sums each leaf over time and batch."""
        return [
            x.sum(axis=tuple(range(x.ndim - jnp.ndim(own))))
            for x, own in zip(grads, floats)
        ]

    def body(rows, _):
        """`rows[t]` is the gradient at lag k by the carry after step t."""
        grads, _ = all_back(carries, inputs, rows, none_out)
        further = jnp.einsum("...i,...ij->...j", rows, jacobians)
        return _earlier(further), total(grads)

    _, later = jax.lax.scan(body, _earlier(row), None, length=row.shape[0] - 1)
    return [jnp.concatenate([x[None], y]) for x, y in zip(total(direct), later)]


def _earlier(rows):
    """Shifts gradients with respect to the carry step t reads to step t - 1."""
    return jnp.concatenate([rows[1:], jnp.zeros_like(rows[:1])])


def _moved(cell):
    """Makes the cell that adds a second input to the carry every step reads."""

    def step(params, carry, inputs_and_added):
        inputs, added = inputs_and_added
        floats, put_back = part_floating(carry)
        moved = put_back([x + y for x, y in zip(floats, added)])
        return cell.step(params, moved, inputs)

    return cell._replace(step=step, factors=None)


def _by_lag(norms):
    """Averages `[T, lag, ...batch]` over the entries with a lag of at most t."""
    num_steps = norms.shape[0]
    logs = jnp.log(norms.reshape(num_steps, num_steps, -1))
    meant = (jnp.arange(num_steps)[:, None] >= jnp.arange(num_steps))[..., None]
    count = meant.sum((0, 2)) * logs.shape[-1]
    mean = jnp.where(meant, logs, 0).sum((0, 2)) / count
    apart = jnp.where(meant, logs - mean[:, None], 0)
    spread = jnp.sqrt((apart**2).sum((0, 2)) / jnp.maximum(count - 1, 1))
    half = jnp.where(jnp.isfinite(mean), 1.96 * spread / jnp.sqrt(count), 0)
    return LagNorms(*map(jnp.exp, (mean, mean - half, mean + half)))

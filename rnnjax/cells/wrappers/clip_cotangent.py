"""A cell whose gradient is clipped at every step of the backward pass."""

import functools
import math

import jax
import jax.numpy as jnp
from jax import dtypes

from rnnjax.base import Cell, cached


@cached
def clip_cotangent(
    cell: Cell, *, max_norm: float | None = None, max_value: float | None = None
) -> Cell:
    """Makes a cell like `cell` that clips the gradient passed back by each step.

        ∂loss / ∂hₜ₋₁ = clip((∂hₜ / ∂hₜ₋₁)ᵀ ∂loss / ∂hₜ)

    separately for every sequence, before the gradient of the outputs of step t - 1 is
    added. This keeps the gradient from exploding on its way back, whereas clipping the
    gradient of the parameters acts after the sum over all steps.

    A clipped cotangent is not the derivative of any function: only first-order reverse
    mode exists, and forward mode raises a TypeError. The cell has no factors, because
    engines that use them differentiate in forward mode first; `hoisted` runs it as
    `scan` does.

    Args:
      cell: the cell.
      max_norm: largest norm, over all leaves of one sequence's carry.
      max_value: largest magnitude of an entry.

    Returns:
      The cell, over the parameters and the carry of `cell`.

    Raises:
      ValueError: if not exactly one of the two thresholds is given, or if it is not
        positive and finite.

    Example:
      >>> doubling = rnnjax.Cell(
      ...     lambda key, input_size: {},
      ...     lambda params, batch_shape=(): jnp.zeros((*batch_shape, 1)),
      ...     lambda params, carry, inputs: (2 * carry + inputs, carry),
      ... )
      >>> def last(inputs, cell):
      ...     return rnnjax.unroll(cell, {}, inputs)[0].sum()
      >>> clipped = clip_cotangent(doubling, max_norm=3.0)
      >>> for cell in (doubling, clipped):
      ...     print(jax.grad(last)(jnp.ones((4, 1)), cell).ravel())
      [8. 4. 2. 1.]
      [3. 3. 2. 1.]

    References:
      Graves, "Generating Sequences With Recurrent Neural Networks", 2013, section 2.1,
      clips the derivatives with respect to the pre-activations of an LSTM to ±10.
    """
    if (max_norm is None) == (max_value is None):
        raise ValueError(
            "max_norm must be given where max_value is not, and not both, "
            f"got {max_norm} and {max_value}."
        )
    for name, threshold in (("max_norm", max_norm), ("max_value", max_value)):
        if threshold is not None and not 0 < threshold < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {threshold}.")
    clip = _by_value(max_value) if max_norm is None else _by_norm(max_norm)

    def step(params, carry, inputs):
        batch_rank = jax.tree.leaves(inputs)[0].ndim - cell.input_ndim
        return cell.step(params, _passed_back(clip, batch_rank, carry), inputs)

    return cell._replace(step=step, factors=None)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _passed_back(clip, batch_rank, carry):
    """Returns the carry unchanged; its cotangent is clipped."""
    return carry


def _forward(clip, batch_rank, carry):
    return carry, None


def _backward(clip, batch_rank, residuals, cotangents):
    leaves, treedef = jax.tree.flatten(cotangents)
    moving = [i for i, x in enumerate(leaves) if x.dtype != dtypes.float0]
    clipped = clip([leaves[i] for i in moving], batch_rank)
    for i, x in zip(moving, clipped):
        leaves[i] = x
    return (treedef.unflatten(leaves),)


_passed_back.defvjp(_forward, _backward)


def _by_value(max_value):
    def clip(leaves, batch_rank):
        return [jnp.clip(x, -max_value, max_value) for x in leaves]

    return clip


def _by_norm(max_norm):
    def clip(leaves, batch_rank):
        def of_sequence(reduce, x):
            return reduce(x, axis=tuple(range(batch_rank, x.ndim)))

        def spread(scale, x):
            return scale.reshape(*scale.shape, *[1] * (x.ndim - batch_rank))

        # Scaled by the largest entry first, so that squares do not overflow.
        sizes = [of_sequence(jnp.max, jnp.abs(x)) for x in leaves]
        largest = functools.reduce(jnp.maximum, sizes)
        unit = jnp.where(largest > 0, largest, 1)
        squares = [of_sequence(jnp.sum, (x / spread(unit, x)) ** 2) for x in leaves]
        norm = largest * jnp.sqrt(sum(squares))
        scale = jnp.where(norm > max_norm, max_norm / norm, 1)
        return [(x * spread(scale, x)).astype(x.dtype) for x in leaves]

    return clip

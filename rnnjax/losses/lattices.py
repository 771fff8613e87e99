"""The recursion over a lattice of steps and states, in any semiring.

    αₜ(j) = ⊕ᵢ αₜ₋₁(i) ⊗ Mₜ(i, j)

One by one it multiplies a vector by a matrix per step. The product is associative, so
that all prefixes can also be computed in parallel, as products of matrices.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.semirings import Element, Semiring
from rnnjax.masking import zero_masked


def select_elements(condition: Array, on_true: Element, on_false: Element) -> Element:
    """Selects between elements by a condition aligned with their last axes."""
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), on_true, on_false)


def vector_matrix(semiring: Semiring, vector: Element, matrix: Element) -> Element:
    """Computes ⊕ᵢ vector(i) ⊗ matrix(i, j): `[..., N]`, `[..., N, M]` to `[..., M]`."""
    column = jax.tree.map(lambda x: x[..., None], vector)
    return semiring.sum(semiring.multiply(column, matrix), -2)


def matrix_matrix(semiring: Semiring, left: Element, right: Element) -> Element:
    """Computes ⊕ⱼ left(i, j) ⊗ right(j, k), of `[..., N, M]` and `[..., M, K]`."""
    left = jax.tree.map(lambda x: x[..., None], left)
    right = jax.tree.map(lambda x: x[..., None, :, :], right)
    return semiring.sum(semiring.multiply(left, right), -2)


def forward_by_scan(
    step: Callable[[Element, Any], Element],
    initial: Element,
    inputs: Any,
    mask: Array | None = None,
) -> tuple[Element, Element]:
    """Runs a lattice over its steps one by one, by `jax.lax.scan`.

    A masked step is the identity, so gaps, padding on either side and sequences
    without a real step need no further care. What masked inputs hold is not seen.

    Args:
      step: `(vector, inputs) -> vector` of elements `[...batch, N]`; linear in the
        semiring, such as a `vector_matrix` or any sparse form of it.
      initial: the vector before the first step.
      inputs: pytree of `[T, ...batch, ...]`, one step of which `step` takes.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      The vector after the last step, and the vectors after every step, stacked along
      a new first axis.

    Example:
      >>> from rnnjax.losses.semirings import LOG
      >>> import functools
      >>> matrices = jnp.log(jnp.array([[[0.2, 0.8], [0, 1]], [[1, 0], [0.1, 0.9]]]))
      >>> step = functools.partial(vector_matrix, LOG)
      >>> last, _ = forward_by_scan(step, LOG.one((2,), jnp.float32), matrices)
      >>> jnp.exp(LOG.sum(last, -1)).round(5)  # two starts, and rows that sum to 1
      Array(2., dtype=float32)
    """

    def body(vector, inputs_and_mask):
        inputs, mask = inputs_and_mask
        new = step(vector, inputs)
        if mask is not None:
            new = select_elements(mask[..., None], new, vector)
        return new, new

    return jax.lax.scan(body, initial, (zero_masked(mask, inputs), mask))


def forward_by_associative_scan(
    semiring: Semiring, initial: Array, matrices: Array, mask: Array | None = None
) -> tuple[Element, Element]:
    """Runs a lattice in O(log T) rounds of products, by `jax.lax.associative_scan`.

    It computes what `forward_by_scan` does with `vector_matrix`, by N times as many
    operations: worth it where steps are many and states are few.

    Args:
      semiring: in which to compute.
      initial: scores `[...batch, N]` before the first step.
      matrices: scores `[T, ...batch, N, N]` of going from one state to another.
      mask: `[T, ...batch]` bool, true at real steps; None if all are.

    Returns:
      The vector after the last step, and the vectors after every step, stacked along
      a new first axis: elements of the semiring.
    """
    if mask is not None:
        identity = jnp.where(jnp.eye(matrices.shape[-1], dtype=bool), 0, -jnp.inf)
        matrices = jnp.where(mask[..., None, None], matrices, identity)
    products = jax.lax.associative_scan(
        lambda left, right: matrix_matrix(semiring, left, right),
        semiring.lift(matrices),
        axis=-matrices.ndim,
    )
    vectors = vector_matrix(semiring, semiring.lift(initial[None]), products)
    time = -matrices.ndim + 1
    vectors = jax.tree.map(lambda x: jnp.moveaxis(x, time, 0), vectors)
    return jax.tree.map(lambda x: x[-1], vectors), vectors

"""The recursion over a lattice of steps and states, in any semiring.

    αₜ(j) = ⊕ᵢ αₜ₋₁(i) ⊗ Mₜ(i, j)

One by one it multiplies a vector by a matrix per step. The product is associative, so
that all prefixes can also be computed in parallel, as products of matrices. Masked
steps are the identity: gaps, padding on either side and sequences without a real step
need no further care.

Vectors are elements `[N, ...batch]`, matrices `[N, M, ...batch]`: sums over states are
vectorized over a batch that comes last.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rnnjax.base import Array
from rnnjax.losses.semirings import Element, Semiring, greatest_weight


def select_elements(condition: Array, on_true: Element, on_false: Element) -> Element:
    """Selects between elements by a condition aligned with their last axes."""
    return jax.tree.map(lambda x, y: jnp.where(condition, x, y), on_true, on_false)


def vector_matrix(
    semiring: Semiring, vector: Element, matrix: Element, batch_axes: int = 0
) -> Element:
    """Computes ⊕ᵢ vector(i) ⊗ matrix(i, j); `batch_axes` is their number."""
    states = -1 - batch_axes
    column = jax.tree.map(lambda x: jnp.expand_dims(x, states), vector)
    return semiring.sum(semiring.multiply(column, matrix), states - 1)


def matrix_matrix(
    semiring: Semiring, left: Element, right: Element, batch_axes: int = 0
) -> Element:
    """Computes ⊕ⱼ left(i, j) ⊗ right(j, k); `batch_axes` is their number."""
    states = -1 - batch_axes
    left = jax.tree.map(lambda x: jnp.expand_dims(x, states), left)
    right = jax.tree.map(lambda x: jnp.expand_dims(x, states - 2), right)
    return semiring.sum(semiring.multiply(left, right), states - 1)


def forward_by_scan(
    semiring: Semiring,
    step: Callable[[Element, Any], Element],
    initial: Element,
    inputs: Any,
    mask: Array,
) -> tuple[Element, Element, Array]:
    """Runs a lattice over its steps one by one, by `jax.lax.scan`.

    Every vector is divided by its greatest weight: in float32 long sequences are as
    exact as short ones. The derivative computes each step again. To store its products
    instead takes as long, and N times the memory.

    Args:
      semiring: in which to compute.
      step: `(vector, inputs) -> vector`, linear in the semiring, such as a
        `vector_matrix` or any sparse form of it.
      initial: the vector before the first step, elements `[N, ...batch]`.
      inputs: pytree of `[T, ...]`, one step of which `step` takes; finite at masked
        steps too.
      mask: `[T, ...batch]` bool, true at real steps.

    Returns:
      The vector after the last step, up to a factor; the vectors after every step,
      stacked along a new first axis, each up to a factor of its own; and the score
      `[...batch]` of the first factor, a constant. `COUNTING` knows no factor but 1.

    Example:
      >>> import functools
      >>> from rnnjax.losses.semirings import LOG
      >>> matrices = jnp.log(jnp.array([[[0.2, 0.8], [0, 1]], [[1, 0], [0.1, 0.9]]]))
      >>> step = functools.partial(vector_matrix, LOG)
      >>> last, _, factor = forward_by_scan(
      ...     LOG, step, jnp.zeros(2), matrices, jnp.array([True, True])
      ... )
      >>> jnp.exp(LOG.sum(last, -1) + factor).round(3)  # two starts, rows sum to 1
      Array(2., dtype=float32)
    """
    batch_axes = mask.ndim - 1
    dtype = jax.tree.leaves(initial)[0].dtype

    def body(vector_and_greatest, inputs_and_mask):
        vector, _ = vector_and_greatest
        inputs, mask = inputs_and_mask
        new = step(vector, inputs)
        weights = jax.tree.leaves(new)[0]
        places = tuple(range(weights.ndim - batch_axes))
        greatest = jnp.where(mask, greatest_weight(weights, places), 0)
        new = semiring.multiply(new, semiring.lift(-greatest[None]))
        carry = select_elements(mask, new, vector), greatest
        return carry, carry

    (last, _), (vectors, greatest) = jax.lax.scan(
        jax.checkpoint(body, prevent_cse=False),
        (initial, jnp.zeros(mask.shape[1:], dtype)),
        (inputs, mask),
    )
    return last, vectors, greatest.sum(axis=0)


def forward_by_associative_scan(
    semiring: Semiring, initial: Array, matrices: Array, mask: Array
) -> tuple[Element, Element, Array]:
    """Runs a lattice in O(log T) rounds of products, by `jax.lax.associative_scan`.

    It computes what `forward_by_scan` does with `vector_matrix`, by N times as many
    operations. On a CPU it is always slower.

    Args:
      semiring: in which to compute.
      initial: scores `[N, ...batch]` before the first step.
      matrices: scores `[T, N, N, ...batch]` of going from one state to another.
      mask: `[T, ...batch]` bool, true at real steps.

    Returns:
      As `forward_by_scan`, with factors of 1, whose score is 0.
    """
    batch_axes = mask.ndim - 1
    num_states = matrices.shape[1]
    identity = jnp.where(jnp.eye(num_states, dtype=bool), 0, -jnp.inf)
    identity = identity.reshape(num_states, num_states, *[1] * batch_axes)
    matrices = jnp.where(mask[:, None, None], matrices, identity)
    products = jax.lax.associative_scan(
        lambda left, right: matrix_matrix(semiring, left, right, batch_axes),
        semiring.lift(matrices),
        axis=-matrices.ndim,
    )
    start = semiring.lift(initial)
    vectors = vector_matrix(
        semiring, semiring.lift(initial[None]), products, batch_axes
    )
    vectors = jax.tree.map(lambda x: jnp.moveaxis(x, -1 - initial.ndim, 0), vectors)
    last = jax.tree.map(lambda x: x[-1], vectors) if len(mask) else start
    return last, vectors, jnp.zeros(mask.shape[1:], initial.dtype)

"""How far a gradient reaches back through a recurrence."""

from collections.abc import Callable, Iterable

import jax
import jax.numpy as jnp

from rnnjax.base import Array


def reach(
    final_carry: Callable[[dict[str, Array]], Iterable[Array]],
    zeros: dict[str, Array],
) -> Array | None:
    """Computes how a gradient at the last carry shrinks or grows, going back.

    Args:
      final_carry: the carry after the last step, with what is added to what each reads.
      zeros: nothing to add, `[T, rows, ...]` by name.

    Returns:
      `[T, rows]`, norms of the gradient with respect to the carry that each step reads,
      one per row of the carry's first axis; None if no carry is floating.
    """
    if not zeros:
        return None

    def floating(added):
        return [
            x
            for x in final_carry(added)
            if jnp.issubdtype(jnp.result_type(x), jnp.floating)
        ]

    final, pull = jax.vjp(floating, zeros)
    key = jax.random.key(0)
    (grads,) = pull(
        [
            jax.random.normal(jax.random.fold_in(key, i), x.shape, x.dtype)
            for i, x in enumerate(final)
        ]
    )
    num_rows = {x.shape[1] for x in grads.values() if x.ndim > 1}
    if len(num_rows) != 1:  # carries of different kinds
        return None
    squares = [
        (x**2).sum(axis=tuple(range(2, x.ndim))) for x in grads.values() if x.ndim > 1
    ]
    return jnp.sqrt(jnp.sum(jnp.stack(squares), axis=0))

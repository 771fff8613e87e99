"""Tangents of pytrees in which some leaves have none.

The tangent of a leaf that is an integer, or that nobody differentiates with respect to,
is None: no array of zeros is made for it, carried through a loop or multiplied.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import dtypes
from jax.custom_derivatives import SymbolicZero


def push_forward(
    function: Callable[..., Any], primals: tuple[Any, ...], tangents: tuple[Any, ...]
) -> tuple[Any, Any]:
    """Computes a function and its derivative along `tangents`.

    Args:
      function: takes and returns pytrees of arrays.
      primals: its arguments.
      tangents: one pytree per argument, with None for every leaf without a tangent;
        None for a whole argument means None for all its leaves.

    Returns:
      What the function returns, and its tangents: None where a leaf is not floating
      or does not depend on anything that has a tangent.
    """
    leaves, treedef = jax.tree.flatten(primals)
    tangents = tuple(
        _still(x) if dx is None else dx for x, dx in zip(primals, tangents)
    )
    directions = treedef.flatten_up_to(tangents)
    moving = [i for i, direction in enumerate(directions) if direction is not None]

    def along(moved):
        arguments = list(leaves)
        for i, leaf in zip(moving, moved):
            arguments[i] = leaf
        return function(*treedef.unflatten(arguments))

    if not moving:
        out = along([])
        return out, _still(out)
    out, out_tangents = jax.jvp(
        along, ([leaves[i] for i in moving],), ([directions[i] for i in moving],)
    )
    return out, jax.tree.map(_none_unless_floating, out_tangents)


def from_rule(tree: Any) -> Any:
    """Replaces the symbolic zeros that a custom JVP rule is given by None."""
    return jax.tree.map(
        lambda dx: None if isinstance(dx, SymbolicZero) else _none_unless_floating(dx),
        tree,
        is_leaf=lambda dx: isinstance(dx, SymbolicZero),
    )


def for_rule(primals: Any, tangents: Any) -> Any:
    """Replaces None by the symbolic zeros that a custom JVP rule returns."""
    return jax.tree.map(
        lambda x, dx: SymbolicZero.from_primal_value(x) if dx is None else dx,
        primals,
        tangents,
    )


def with_zeros(primals: Any, tangents: Any) -> Any:
    """Replaces None by zeros for floating leaves, as the carry of a loop needs."""

    def fill(x, dx):
        moves = jnp.issubdtype(x.dtype, jnp.inexact)
        return jnp.zeros_like(x) if dx is None and moves else dx

    return jax.tree.map(fill, primals, tangents)


def _still(tree):
    return jax.tree.map(lambda _: None, tree)


def _none_unless_floating(tangent):
    return None if tangent.dtype == dtypes.float0 else tangent

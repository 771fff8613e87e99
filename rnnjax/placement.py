"""Where a carry lies: shardings and varying axes, found and never chosen."""

from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

from rnnjax.base import Array, Carry, Cell, Params


def place_like(tree: Any, like: Any) -> Any:
    """Gives arrays the sharding and the varying axes of others.

    A loop's carry must keep its type. On a mesh with explicit axes, and inside
    `jax.shard_map`, plain zeros have another type than what a step makes of sharded
    inputs. Elsewhere this does nothing.

    Args:
      tree: tree of arrays; one that lacks the leading axes of the other's is repeated
        along them. So the initial carry of one sequence is better given here than that
        of a batch: to lay out a batch would gather its gradient.
      like: tree of the same structure, of arrays or `jax.ShapeDtypeStruct`.

    Returns:
      `tree`, its leaves broadcast, resharded or cast to varying where they need to be.
    """
    return jax.tree.map(_place_leaf_like, tree, like)


def sharding_of_rows(table: Array, indices: Array) -> NamedSharding | None:
    """Says how rows `table[indices]` lie on a mesh with explicit axes, else None."""
    shardings = jax.typeof(table).sharding, jax.typeof(indices).sharding
    mesh = next((s.mesh for s in shardings if _is_explicit(s)), None)
    if mesh is None:
        return None
    of_table, of_indices = (s.spec for s in shardings)
    return NamedSharding(mesh, PartitionSpec(*of_indices, *of_table[1:]))


def settle_carry(cell: Cell, params: Params, carry: Carry, inputs: Any) -> Carry:
    """Gives a carry the placement that the cell's step keeps; see `place_like`.

    Args:
      cell: the cell.
      params: its parameters, prepared.
      carry: the carry before the first step.
      inputs: `[T, ...]` leaves; T may be 0.

    Returns:
      The carry, placed.

    Raises:
      ValueError: if the step does not return a carry of the structure, shapes and
        dtypes that it takes.
    """

    def next_carry(carry):
        one_step = jax.tree.map(lambda x: x.sum(axis=0, dtype=x.dtype), inputs)
        return cell.step(params, carry, one_step)[0]

    for _ in jax.tree.leaves(carry):  # older lags of a carry follow one step later
        new_carry = jax.eval_shape(next_carry, carry)
        if describe(new_carry) != describe(carry):
            raise ValueError(
                "cell.step must return a carry like the one it takes, "
                f"{describe(carry)}, got {describe(new_carry)}."
            )
        placed = place_like(carry, new_carry)
        if jax.tree.map(jax.typeof, placed) == jax.tree.map(jax.typeof, carry):
            break
        carry = placed
    return carry


def describe(tree: Any) -> str:
    """Writes a tree's structure, shapes and dtypes, for messages."""
    return str(jax.tree.map(lambda x: _Text(f"{x.dtype}{list(x.shape)}"), tree))


class _Text(str):
    """A string that shows itself without quotes."""

    __repr__ = str.__str__


def _place_leaf_like(x, like):
    want = like if isinstance(like, jax.ShapeDtypeStruct) else jax.typeof(like)
    varying = _varying_axes(want) - _varying_axes(jax.typeof(x))
    if varying:
        x = jax.lax.pcast(x, tuple(varying), to="varying")
    leading = len(want.shape) - x.ndim
    sharding = want.sharding if _is_explicit(want.sharding) else None
    if sharding is not None:
        of_x = NamedSharding(sharding.mesh, PartitionSpec(*sharding.spec[leading:]))
        if jax.typeof(x).sharding != of_x:
            x = jax.sharding.reshard(x, of_x)
    if leading:
        axes = range(leading, len(want.shape))
        x = jax.lax.broadcast_in_dim(x, want.shape, axes, out_sharding=sharding)
    return x


def _is_explicit(sharding):
    if sharding is None or sharding.mesh.empty:
        return False
    return sharding.mesh.are_all_axes_explicit


def _varying_axes(aval):
    return (
        frozenset() if aval.manual_axis_type is None else aval.manual_axis_type.varying
    )

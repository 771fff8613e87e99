"""The placement of carries: shardings and varying axes, taken from other arrays."""

from typing import Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

from rnnjax.base import Array, Carry, Cell, Params, batch_shape


def place_like(tree: Any, like: Any) -> Any:
    """Gives arrays the sharding and the varying axes of other arrays.

    The carry of a loop must keep its type. On a mesh with explicit axes, and inside
    `jax.shard_map`, plain zeros have a different type from what a step computes from
    sharded inputs. Elsewhere this does nothing.

    Args:
      tree: pytree of arrays; an array that lacks the leading axes of its counterpart is
        repeated along them. Pass the initial carry of one sequence rather than that of
        a batch: placing a batch would gather its gradient.
      like: pytree of the same structure, of arrays or `jax.ShapeDtypeStruct`.

    Returns:
      `tree`, its leaves broadcast, resharded or cast to varying where they need to be.
    """
    return jax.tree.map(_place_leaf_like, tree, like)


def sharding_of_rows(table: Array, indices: Array) -> NamedSharding | None:
    """Returns the sharding of `table[indices]` on an explicit mesh, else None."""
    shardings = jax.typeof(table).sharding, jax.typeof(indices).sharding
    mesh = next((s.mesh for s in shardings if _is_explicit(s)), None)
    if mesh is None:
        return None
    of_table, of_indices = (s.spec for s in shardings)
    return NamedSharding(mesh, PartitionSpec(*of_indices, *of_table[1:]))


def place_carry(
    cell: Cell, params: Params, carry: Carry, inputs: Any, marks: Any = None
) -> Carry:
    """Gives a carry the placement that the cell's step preserves; see `place_like`.

    All its leaves are sharded along the batch as the inputs are, including a counter
    that does not depend on the inputs, because a mask selects between its old and new
    value. The whole carry varies over every axis over which the inputs or a mark vary.

    Args:
      cell: the cell.
      params: its parameters, prepared.
      carry: the carry before the first step.
      inputs: `[T, ...]` leaves; T may be 0.
      marks: pytree of the mask and `is_first`, if they are given.

    Returns:
      The carry, placed.

    Raises:
      ValueError: if the step does not return a carry of the structure, shapes and
        dtypes that it takes.
    """

    def next_carry(carry):
        one_step = jax.tree.map(lambda x: x.sum(axis=0, dtype=x.dtype), inputs)
        return cell.step(params, carry, one_step)[0]

    num_batch_axes = len(batch_shape(inputs, cell.input_ndim))
    carry = place_along_batch(carry, num_batch_axes, jax.tree.leaves((inputs, marks)))
    for _ in jax.tree.leaves(carry):  # a leaf may take its type from another leaf
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


def place_along_batch(tree: Any, num_batch_axes: int, leaves: list[Array]) -> Any:
    """Shards a pytree of `[...batch, ...]` arrays along the batch as others are.

    Args:
      tree: pytree of arrays, such as a carry.
      num_batch_axes: number of axes of the batch.
      leaves: `[T, ...batch, ...]`; the first decides how the batch is sharded. The
        result varies over every axis that any of them varies over.

    Returns:
      The pytree, resharded or cast to varying where it needs to be.
    """
    varying = frozenset().union(*[_varying_axes(jax.typeof(x)) for x in leaves])
    sharding = jax.typeof(leaves[0]).sharding

    def place(x):
        x = _vary(x, varying - _varying_axes(jax.typeof(x)))
        if not _is_explicit(sharding):
            return x
        own = jax.typeof(x).sharding
        own_spec = own.spec if _is_explicit(own) else (None,) * x.ndim
        batch_spec = sharding.spec[1 : 1 + num_batch_axes]
        spec = PartitionSpec(*batch_spec, *own_spec[num_batch_axes:])
        return _reshard(x, NamedSharding(sharding.mesh, spec))

    return jax.tree.map(place, tree)


def vary_alike(*arrays: Array) -> list[Array]:
    """Casts arrays to vary over every manual axis that any of them varies over.

    Inside `jax.shard_map` JAX's own operations do this to their operands; elsewhere it
    does nothing.
    """
    varying = frozenset().union(*(_varying_axes(jax.typeof(x)) for x in arrays))
    return [_vary(x, varying - _varying_axes(jax.typeof(x))) for x in arrays]


def describe(tree: Any) -> str:
    """Describes the structure, shapes and dtypes of a pytree, for messages."""
    return str(jax.tree.map(lambda x: _Text(f"{x.dtype}{list(x.shape)}"), tree))


class _Text(str):
    """A string whose repr has no quotes."""

    __repr__ = str.__str__


def _place_leaf_like(x, like):
    want = like if isinstance(like, jax.ShapeDtypeStruct) else jax.typeof(like)
    x = _vary(x, _varying_axes(want) - _varying_axes(jax.typeof(x)))
    leading = len(want.shape) - x.ndim
    sharding = want.sharding if _is_explicit(want.sharding) else None
    if sharding is not None:
        of_x = NamedSharding(sharding.mesh, PartitionSpec(*sharding.spec[leading:]))
        x = _reshard(x, of_x)
    if leading:
        axes = range(leading, len(want.shape))
        x = jax.lax.broadcast_in_dim(x, want.shape, axes, out_sharding=sharding)
    return x


def _vary(x, axes):
    return jax.lax.pcast(x, tuple(axes), to="varying") if axes else x


def _reshard(x, sharding):
    same = jax.typeof(x).sharding == sharding
    return x if same else jax.sharding.reshard(x, sharding)


def _is_explicit(sharding):
    if sharding is None or sharding.mesh.empty:
        return False
    return sharding.mesh.are_all_axes_explicit


def _varying_axes(aval):
    return (
        frozenset() if aval.manual_axis_type is None else aval.manual_axis_type.varying
    )

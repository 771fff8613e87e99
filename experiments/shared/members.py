"""Members: networks trained side by side in one program, none disturbing another.

Seeds and hyperparameters are an axis of every array, and each device has a part of it.
A member that is done, or whose numbers are not finite any more, is left as it was
while the others go on; nothing of it reaches them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from experiments.harness.guard import guarded
from experiments.shared.devices import split_batch
from rnnjax.base import Array

RUNNING, SOLVED, LOST = range(3)
STATUSES = ("running", "solved", "lost")


class Members(NamedTuple):
    """Networks in training; the first axis of every leaf is theirs.

    Attributes:
      state: what an update changes: parameters, the optimizer's state.
      metrics: dict of `[M]`, from the last update of each; zeros before the first.
      score: `[M]`, from the last examination of each; infinite before the first.
      status: `[M]` int8: RUNNING, SOLVED or LOST, that is, not finite any more.
      num_updates: `[M]` int32, updates that changed each.
    """

    state: Any
    metrics: dict[str, Array]
    score: Array
    status: Array
    num_updates: Array


def start_members(
    init: Callable[[Any], Any],
    update: Callable[[Any, Any, Any], tuple[Any, dict[str, Array]]],
    settings: Any,
    mesh: Mesh,
) -> Members:
    """Makes members that have not been updated yet, spread over the devices.

    Args:
      init: `setting -> state` of one member.
      update: see `members_update`.
      settings: tree of `[M, ...]`, what the members differ in: keys, hyperparameters.
      mesh: of `make_mesh`; its devices share the members evenly.

    Returns:
      The members.

    Raises:
      ValueError: if the devices cannot share the members evenly.
    """
    num_members = len(jax.tree.leaves(settings)[0])
    if num_members % mesh.size:
        raise ValueError(
            f"settings must be of a number of members that {mesh.size} devices can "
            f"share evenly, got {num_members}."
        )
    # One after the other, on one device: batched QR factorizations on several devices
    # of a CPU wait for each other for ever, in the threads that they share.
    of_first = jax.device_put(settings, mesh.devices.flat[0])
    state = jax.jit(lambda settings: jax.lax.map(init, settings))(of_first)
    _, metrics = jax.eval_shape(jax.vmap(update, (0, 0, None)), state, settings, 0)
    members = Members(
        state,
        jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), metrics),
        jnp.full(num_members, jnp.inf),
        jnp.full(num_members, RUNNING, jnp.int8),
        jnp.zeros(num_members, jnp.int32),
    )
    return split_batch(members, mesh, axis=0)


def members_update(
    update: Callable[[Any, Any, Any], tuple[Any, dict[str, Array]]], mesh: Mesh
) -> Callable[[Members, Any, Any], Members]:
    """Makes the update of all members from that of one.

    Args:
      update: `(state, setting, index) -> (state, metrics)` of one member, pure;
        `metrics` are scalars, `loss` and `grad_norm` among them.
      mesh: of `make_mesh`.

    Returns:
      `(members, settings, index) -> members`, compiled; the index is the same for all.
    """
    return _over_members(quarantined(update), mesh)


def members_examination(
    examine: Callable[[Any, Any, Any], Array], solved_below: float, mesh: Mesh
) -> Callable[[Members, Any, Any], Members]:
    """Makes the examination of all members from that of one.

    Args:
      examine: `(state, setting, index) -> score` of one member, pure.
      solved_below: a running member whose score is below is SOLVED.
      mesh: of `make_mesh`.

    Returns:
      `(members, settings, index) -> members`, compiled; members that do not run are
      left as they are.
    """

    def examine_one(member, setting, index):
        score = examine(member.state, setting, index)
        return _stop_if(score < solved_below, SOLVED, member._replace(score=score))

    return _over_members(_if_running(examine_one), mesh)


def quarantined(
    update: Callable[[Any, Any, Any], tuple[Any, dict[str, Array]]],
) -> Callable[[Members, Any, Any], Members]:
    """Makes an update that leaves a member alone once it is done or lost.

    A member that does not run stays as it is, bit by bit. One whose loss, gradient or
    state would not be finite stays as it was before this update too, and is LOST.

    Args:
      update: see `members_update`.

    Returns:
      `(member, setting, index) -> member`, of one member: a `Members` without the axis
      of members.
    """
    guarded_update = guarded(update)

    def update_one(member, setting, index):
        state, metrics = guarded_update(member.state, setting, index)
        finite = metrics.pop("finite")
        updated = Members(
            state, metrics, member.score, member.status, member.num_updates + 1
        )
        kept = jax.tree.map(lambda x, y: jnp.where(finite, x, y), updated, member)
        return _stop_if(~finite, LOST, kept)

    return _if_running(update_one)


def _if_running(function):
    def of_member(member, setting, index):
        return jax.lax.cond(
            member.status == RUNNING,
            function,
            lambda member, setting, index: member,
            *(member, setting, index),
        )

    return of_member


def _stop_if(condition: Array, status: int, member: Members) -> Members:
    stopped = jnp.where(condition, jnp.int8(status), member.status)
    return member._replace(status=stopped)


def _over_members(function, mesh: Mesh):
    """Maps a function over the members of every device.

    On an accelerator all at once; on a core one after the other, where a product of 16
    small matrices takes longer than 16 products, and who does not run takes no time.
    """
    at_once = mesh.devices.flat[0].platform != "cpu"

    def of_device(members, settings, index):
        if at_once:
            return jax.vmap(function, (0, 0, None))(members, settings, index)
        return jax.lax.map(lambda pair: function(*pair, index), (members, settings))

    split = PartitionSpec(*mesh.axis_names)
    shared = jax.shard_map(
        of_device,
        mesh=mesh,
        in_specs=(split, split, PartitionSpec()),
        out_specs=split,
        check_vma=False,  # nothing is the same on all devices, so nothing to check
    )
    return jax.jit(shared)

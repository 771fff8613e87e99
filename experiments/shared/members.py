"""Networks trained side by side in one program, none affecting another.

Members differ in their seeds and hyperparameters. They are the first axis of every
array, and each device has a part of them. A member that has solved its task or has
diverged stays as it is while the others continue.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, PartitionSpec

from experiments.harness.guard import guarded
from experiments.shared.devices import split_batch
from rnnjax.base import Array

RUNNING, SOLVED, DIVERGED = range(3)

Update = Callable[[Any, Any, Any], tuple[Any, dict[str, Array]]]


class Members(NamedTuple):
    """Networks in training; every leaf has the axis of members first.

    Attributes:
      state: what an update changes: parameters and the optimizer's state.
      metrics: dict of `[M]`, from each member's last update; zeros before the first.
      score: `[M]`, from each member's last evaluation; infinite before the first.
      status: `[M]` int8: RUNNING, SOLVED or DIVERGED (not finite).
      num_updates: `[M]` int32, updates of each member.
    """

    state: Any
    metrics: dict[str, Array]
    score: Array
    status: Array
    num_updates: Array


def start_members(
    init: Callable[[Any], Any], update: Update, settings: Any, mesh: Mesh
) -> Members:
    """Makes members before their first update, split over the devices.

    Args:
      init: `setting -> state` of one member.
      update: see `members_update`.
      settings: pytree of `[M, ...]`, in which the members differ: keys,
        hyperparameters.
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
    # One after another, on one device: batched QR factorizations on several devices of
    # a CPU deadlock, waiting for each other in the threads that they share.
    on_first = jax.device_put(settings, mesh.devices.flat[0])
    state = jax.jit(lambda settings: jax.lax.map(init, settings))(on_first)
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
    update: Update, mesh: Mesh, *, at_once: bool | None = None
) -> Callable[[Members, Any, Any], Members]:
    """Makes the update of all members from the update of one.

    A member that is not running stays as it is, bit by bit. One whose loss, gradient or
    state would become non-finite keeps what it had before this update and is DIVERGED.

    Args:
      update: `(state, setting, index) -> (state, metrics)` of one member, pure;
        `metrics` are scalars, `loss` and `grad_norm` among them.
      mesh: of `make_mesh`.
      at_once: whether a device computes its members by `vmap`, rather than one after
        another; None: on accelerators. On a CPU, 16 small products are faster than one
        batched product, and members that are not running cost nothing.

    Returns:
      `(members, settings, index) -> members`, compiled; all members have the same
      index.
    """
    guarded_update = guarded(update)

    def update_one(member, setting, index):
        state, metrics = guarded_update(member.state, setting, index)
        finite = metrics.pop("finite")
        updated = Members(
            state, metrics, member.score, member.status, member.num_updates + 1
        )
        kept = jax.tree.map(lambda x, y: jnp.where(finite, x, y), updated, member)
        return _stop_if(~finite, DIVERGED, kept)

    return _over_members(update_one, mesh, at_once)


def members_evaluation(
    evaluate: Callable[[Any, Any, Any], Array],
    solved_below: float,
    mesh: Mesh,
    *,
    at_once: bool | None = None,
) -> Callable[[Members, Any, Any], Members]:
    """Makes the evaluation of all members from the evaluation of one.

    Args:
      evaluate: `(state, setting, index) -> score` of one member, pure.
      solved_below: a running member whose score is below this becomes SOLVED.
      mesh: of `make_mesh`.
      at_once: see `members_update`.

    Returns:
      `(members, settings, index) -> members`, compiled; members that are not running
      stay as they are.
    """

    def evaluate_one(member, setting, index):
        score = evaluate(member.state, setting, index)
        return _stop_if(score < solved_below, SOLVED, member._replace(score=score))

    return _over_members(evaluate_one, mesh, at_once)


def _stop_if(condition: Array, status: int, member: Members) -> Members:
    stopped = jnp.where(condition, jnp.int8(status), member.status)
    return member._replace(status=stopped)


def _over_members(function: Callable, mesh: Mesh, at_once: bool | None):
    """Maps a function of one member over the running members of every device."""
    if at_once is None:
        at_once = mesh.devices.flat[0].platform != "cpu"

    def if_running(member, setting, index):
        return jax.lax.cond(
            member.status == RUNNING,
            function,
            lambda member, setting, index: member,
            *(member, setting, index),
        )

    def of_device(members, settings, index):
        if at_once:
            return jax.vmap(if_running, (0, 0, None))(members, settings, index)
        return jax.lax.map(
            lambda pair: if_running(pair[0], pair[1], index), (members, settings)
        )

    split = PartitionSpec(*mesh.axis_names)
    shared = jax.shard_map(
        of_device,
        mesh=mesh,
        in_specs=(split, split, PartitionSpec()),
        out_specs=split,
        check_vma=False,  # nothing is replicated, so there is nothing to check
    )
    return jax.jit(shared)

"""Members trained side by side: each is independent and stops by itself."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.shared.devices import make_mesh, split_batch, start_member_devices
from experiments.shared.members import (
    DIVERGED,
    RUNNING,
    SOLVED,
    members_evaluation,
    members_update,
    start_members,
)

M, SIZE, RATE = 6, 3, 0.3
NEVER = (99,) * M
KEY = jax.random.key(0, impl="unsafe_rbg")  # compiles fast


def init(setting):
    return {"w": jax.random.normal(setting["key"], (SIZE, SIZE)), "steps": jnp.int32(0)}


def update(state, setting, index):
    """Descends on |w x - x|² for a random x; poisoned members get NaN gradients."""
    x = jax.random.normal(jax.random.fold_in(setting["key"], index), (SIZE,))
    loss, grad = jax.value_and_grad(lambda w: ((w @ x - x) ** 2).mean())(state["w"])
    grad = jnp.where(index >= setting["poisoned_from"], jnp.nan, grad)
    new = {"w": state["w"] - RATE * grad, "steps": state["steps"] + 1}
    return new, {"loss": loss, "grad_norm": jnp.linalg.norm(grad)}


def evaluate(state, setting, index):
    return jnp.abs(state["w"] - jnp.eye(SIZE)).max() + 0 * index


def make_settings(num_devices, poisoned_from):
    keys = jax.random.split(KEY, M)
    settings = {"key": keys, "poisoned_from": jnp.asarray(poisoned_from)}
    return split_batch(settings, make_mesh(num_devices), axis=0)


@functools.cache
def start_and_step(num_devices, at_once=None):
    """Returns the members before the first update, and the compiled update."""
    mesh, settings = make_mesh(num_devices), make_settings(num_devices, NEVER)
    members = start_members(init, update, settings, mesh)
    step = members_update(update, mesh, at_once=at_once)
    return members, step.lower(members, settings, 0).compile()


@functools.cache
def evaluation(num_devices, solved_below):
    return members_evaluation(evaluate, solved_below, make_mesh(num_devices))


def train(num_devices, num_updates, poisoned_from=NEVER, *, at_once=None, after=None):
    """Trains members from the start, or from `after`, updates done and members."""
    members, step = start_and_step(num_devices, at_once)
    first, members = after or (0, members)
    settings = make_settings(num_devices, poisoned_from)
    for index in range(first, first + num_updates):
        members = jax.block_until_ready(step(members, settings, index))
    return members


def evaluated(num_devices, members, solved_below=0.0):
    settings = make_settings(num_devices, NEVER)
    return evaluation(num_devices, solved_below)(members, settings, 0)


def assert_same(member, tree, other):
    one, same = jax.tree.map(lambda x: np.asarray(x)[member], (tree, other))
    jax.tree.map(np.testing.assert_array_equal, one, same)


@pytest.mark.parametrize(("num_devices", "at_once"), [(1, None), (2, None), (1, True)])
def test_a_diverged_member_leaves_its_neighbours_bit_identical(num_devices, at_once):
    four = train(num_devices, 4, at_once=at_once)
    nine = train(num_devices, 5, at_once=at_once, after=(4, four))
    poisoned = (99, 4, 99, 99, 99, 0)
    members = train(num_devices, 9, poisoned, at_once=at_once)
    assert np.asarray(members.status).tolist() == [0, DIVERGED, 0, 0, 0, DIVERGED]
    assert np.asarray(members.num_updates).tolist() == [9, 4, 9, 9, 9, 0]
    for member in (0, 2, 3, 4):
        assert_same(member, members, nine)
    assert_same(1, members.state, four.state)  # the last finite numbers
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(members.state))
    score = np.asarray(evaluated(num_devices, members).score)
    assert np.isinf(score[[1, 5]]).all() and np.isfinite(score).sum() == 4


def test_members_train_as_alone():
    """Compares with each trained alone, without `vmap`, shards or guards."""
    members = train(2, 7)
    assert len(members.state["w"].sharding.device_set) == 2
    text = start_and_step(2)[1].as_text()  # the devices must not communicate
    for word in ("all-gather", "all-reduce", "all-to-all", "collective-permute"):
        assert word not in text
    update_alone, keys = jax.jit(update), jax.random.split(KEY, M)
    for member in range(M):
        setting = {"key": keys[member], "poisoned_from": 99}
        state = init(setting)
        for index in range(7):
            state, metrics = update_alone(state, setting, index)
        np.testing.assert_allclose(members.state["w"][member], state["w"], atol=1e-6)
        loss = members.metrics["loss"][member]
        np.testing.assert_allclose(loss, metrics["loss"], rtol=1e-4)
        assert members.state["steps"][member] == 7


def test_a_member_stops_once_it_has_solved_and_the_others_continue():
    members = train(2, 5)
    scores = np.asarray(evaluated(2, members).score)
    median = float(np.median(scores))
    members = evaluated(2, members, solved_below=median)
    solved = scores < median
    np.testing.assert_array_equal(members.status, np.where(solved, SOLVED, RUNNING))
    later = train(2, 3, after=(5, members))
    moved = np.asarray(later.state["w"]) != np.asarray(members.state["w"])
    np.testing.assert_array_equal(moved.any(axis=(1, 2)), ~solved)
    np.testing.assert_array_equal(later.num_updates, np.where(solved, 5, 8))
    again = np.asarray(evaluated(2, later).score)
    np.testing.assert_array_equal(again[solved], scores[solved])


def test_devices_share_members_evenly():
    assert start_member_devices(None, 1) == 1
    assert start_member_devices(3, 6) == 3
    with pytest.raises(ValueError, match="must be one of 1, 3 to share 3 members"):
        start_member_devices(2, 3)
    with pytest.raises(ValueError, match="must be at most 4, the cpu devices there"):
        start_member_devices(6, 6)
    with pytest.raises(ValueError, match="that 4 devices can share evenly, got 6"):
        start_members(init, update, {"key": jnp.zeros(M)}, make_mesh(4))

"""Members trained side by side: none sees another, each stops by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.shared.devices import make_mesh, split_batch, start_member_devices
from experiments.shared.members import (
    LOST,
    RUNNING,
    SOLVED,
    members_examination,
    members_update,
    quarantined,
    start_members,
)

M, SIZE, RATE = 6, 3, 0.3


def init(setting):
    return {"w": jax.random.normal(setting["key"], (SIZE, SIZE)), "steps": jnp.int32(0)}


def update(state, setting, index):
    """Descends |w x - x|² of a random x; a poisoned member's gradient turns NaN."""
    x = jax.random.normal(jax.random.fold_in(setting["key"], index), (SIZE,))
    loss, grad = jax.value_and_grad(lambda w: ((w @ x - x) ** 2).mean())(state["w"])
    grad = jnp.where(index >= setting["poisoned_from"], jnp.nan, grad)
    new = {"w": state["w"] - RATE * grad, "steps": state["steps"] + 1}
    return new, {"loss": loss, "grad_norm": jnp.linalg.norm(grad)}


def examine(state, setting, index):
    return jnp.abs(state["w"] - jnp.eye(SIZE)).max() + 0 * index


def make(num_devices, poisoned_from, solved_below=0.0):
    """Returns the members, and a function that trains them `n` updates from `first`."""
    mesh = make_mesh(num_devices)
    settings = {
        "key": jax.random.split(jax.random.key(0), M),
        "poisoned_from": jnp.asarray(poisoned_from),
    }
    settings = split_batch(settings, mesh, axis=0)
    step = members_update(update, mesh)
    examination = members_examination(examine, solved_below, mesh)

    def train(members, first, n):
        for index in range(first, first + n):
            members = jax.block_until_ready(step(members, settings, index))
        return jax.block_until_ready(examination(members, settings, first + n))

    return start_members(init, update, settings, mesh), train


def of_member(tree, member):
    return jax.tree.map(lambda x: np.asarray(x)[member], tree)


def test_in_a_vmap_too_neighbours_of_a_lost_member_are_bit_identical():
    step = jax.jit(jax.vmap(quarantined(update), (0, 0, None)))
    key = jax.random.split(jax.random.key(0), M)
    trained = {}
    for name, poisoned in (("sane", 99), ("lost", 3)):
        settings = {"key": key, "poisoned_from": jnp.full(M, 99).at[2].set(poisoned)}
        members = start_members(init, update, settings, make_mesh(1))
        for index in range(8):
            members = jax.block_until_ready(step(members, settings, index))
        trained[name] = members
    assert np.asarray(trained["lost"].status).tolist() == [0, 0, LOST, 0, 0, 0]
    assert trained["lost"].num_updates[2] == 3
    for member in (0, 1, 3, 4, 5):
        jax.tree.map(
            np.testing.assert_array_equal,
            *(of_member(trained[name], member) for name in ("lost", "sane")),
        )
    assert np.isfinite(trained["lost"].state["w"]).all()


@pytest.mark.parametrize("num_devices", [1, 2])
def test_a_lost_member_leaves_its_neighbours_bit_identical(num_devices):
    never = [99] * M
    start, train = make(num_devices, never)
    expected = train(start, 0, 9)
    members, train = make(num_devices, [99, 4, 99, 99, 99, 0])
    members = train(members, 0, 9)
    assert np.asarray(members.status).tolist() == [0, LOST, 0, 0, 0, LOST]
    assert np.asarray(members.num_updates).tolist() == [9, 4, 9, 9, 9, 0]
    for member in (0, 2, 3, 4):
        jax.tree.map(
            np.testing.assert_array_equal,
            of_member(members, member),
            of_member(expected, member),
        )
    before, train = make(num_devices, never)
    before = train(before, 0, 4)
    jax.tree.map(  # the last numbers that were finite
        np.testing.assert_array_equal,
        of_member(members.state, 1),
        of_member(before.state, 1),
    )
    assert np.isinf(members.score[5]) and np.isfinite(members.score[:5]).sum() == 4


def test_members_train_as_alone():
    """Against each of them alone, without `vmap`, shards or guards."""
    start, train = make(3, [99] * M)
    members = train(start, 0, 7)
    assert len(members.state["w"].sharding.device_set) == 3
    keys = jax.random.split(jax.random.key(0), M)
    for member in range(M):
        setting = {"key": keys[member], "poisoned_from": 99}
        state = init(setting)
        for index in range(7):
            state, metrics = update(state, setting, index)
        np.testing.assert_allclose(members.state["w"][member], state["w"], atol=1e-6)
        np.testing.assert_allclose(
            members.metrics["loss"][member], metrics["loss"], rtol=1e-4
        )
        assert members.state["steps"][member] == 7


def test_a_member_stops_when_it_has_solved_and_the_others_go_on():
    start, train = make(2, [99] * M)
    scores = np.asarray(train(start, 0, 5).score)
    median = float(np.median(scores))
    start, train = make(2, [99] * M, solved_below=median)
    members = train(start, 0, 5)
    solved = scores < median
    status = np.where(solved, SOLVED, RUNNING)
    np.testing.assert_array_equal(members.status, status)
    later = train(members, 5, 3)
    moved = (later.state["w"] != members.state["w"]).any(axis=(1, 2))
    np.testing.assert_array_equal(moved, ~solved)
    np.testing.assert_array_equal(later.num_updates, np.where(solved, 5, 8))
    np.testing.assert_array_equal(later.score[solved], scores[solved])


def test_members_say_nothing_to_each_other():
    mesh = make_mesh(2)
    setting = {
        "key": jax.random.split(jax.random.key(0), M),
        "poisoned_from": jnp.full(M, 99),
    }
    start, _ = make(2, [99] * M)
    compiled = members_update(update, mesh).lower(start, setting, 0).compile()
    for word in ("all-gather", "all-reduce", "all-to-all", "collective-permute"):
        assert word not in compiled.as_text()


def test_devices_share_members_evenly():
    assert start_member_devices(None, 1) == 1
    assert start_member_devices(3, 6) == 3
    with pytest.raises(ValueError, match="must be one of 1, 3 to share 3 members"):
        start_member_devices(2, 3)
    with pytest.raises(ValueError, match="must be at most 4, the cpu devices there"):
        start_member_devices(6, 6)
    with pytest.raises(ValueError, match="that 4 devices can share evenly, got 6"):
        start_members(init, update, {"key": jnp.zeros(M)}, make_mesh(4))

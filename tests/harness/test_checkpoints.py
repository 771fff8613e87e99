"""A checkpoint is whole and restored to the bit, or it is known to be bad."""

import os
import random
import resource
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.harness import arrays
from experiments.harness import checkpoints as module
from experiments.harness.checkpoints import Checkpoints, NoGoodCheckpoint, SaveFailed


def make_state(seed):
    """Makes a state of many kinds of leaves."""
    keys = jax.random.split(jax.random.key(seed), 3)
    params = {
        "kernel": jax.random.normal(keys[0], (7, 3)),
        "half": jax.random.normal(keys[1], (5,)).astype(jnp.bfloat16),
    }
    return params, jnp.int32(seed), (keys[2], np.arange(4.0) + seed), jnp.array([True])


def leaves_of(state):
    return [
        np.asarray(jax.random.key_data(x) if arrays.is_key(x) else x)
        for x in jax.tree.leaves(state)
    ]


def assert_equal(state, other):
    assert jax.tree.structure(state) == jax.tree.structure(other)
    for a, b in zip(leaves_of(state), leaves_of(other), strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert a.tobytes() == b.tobytes()


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Two checkpoints, of updates 10 and 20, for all to read."""
    checkpoints = Checkpoints(tmp_path_factory.mktemp("two"))
    for update in (10, 20):
        checkpoints.save(update, make_state(update), {"seed": 0})
    return checkpoints


def payload(path: Path):
    return sorted(file for file in path.rglob("*") if file.is_file())


def restore(checkpoints):
    warnings = []
    update, state = checkpoints.restore(make_state(0), warnings.append)
    return update, state, warnings


def test_restored_to_the_bit(two):
    update, state, warnings = restore(two)
    assert (update, warnings) == (20, [])
    assert_equal(state, make_state(20))


def test_restored_where_the_template_is(tmp_path):
    mesh = jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("x"))
    state = jax.device_put(jnp.arange(6.0), sharding)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state, {})
    _, restored = checkpoints.restore(jnp.zeros_like(state), print)
    assert restored.sharding.is_equivalent_to(sharding, 1)
    assert_equal(restored, state)


def test_no_checkpoint_is_no_error(tmp_path):
    template = make_state(3)
    update, state = Checkpoints(tmp_path / "none").restore(template, print)
    assert update == 0 and state is template


def assert_seen(two, file, bad):
    """Damages a file, None meaning that it is gone: the checkpoint before is read."""
    good = file.read_bytes()
    file.unlink() if bad is None else file.write_bytes(bad)
    try:
        update, state, warnings = restore(two)
    finally:
        file.write_bytes(good)
    assert update == 10
    assert_equal(state, make_state(10))
    assert len(warnings) == 1
    assert "00000020" in warnings[0] and file.name in warnings[0]


def test_200_single_bit_flips_are_all_seen(two):
    draw = random.Random(1)
    files = payload(two.path(20))
    touched = set()
    for _ in range(200):
        file = draw.choice(files)
        bad = bytearray(file.read_bytes())
        bad[draw.randrange(len(bad))] ^= 1 << draw.randrange(8)
        assert_seen(two, file, bad)
        touched.add(file)
    assert touched == set(files)
    assert restore(two)[0] == 20


@pytest.mark.parametrize("how", ["cut short", "emptied", "deleted", "lengthened"])
def test_every_file_damaged_is_seen(two, how):
    for file in payload(two.path(20)):
        good = file.read_bytes()
        bad = {"cut short": good[:-1], "emptied": b"", "lengthened": good + b"\0"}
        assert_seen(two, file, bad.get(how))
    assert restore(two)[0] == 20


def test_a_file_too_many_is_seen(two):
    file = two.path(20) / "state" / "d" / "stranger"
    file.write_bytes(b"")
    try:
        update, _, warnings = restore(two)
    finally:
        file.unlink()
    assert update == 10
    assert "state/d/stranger is not in the manifest" in warnings[0]


def test_a_checkpoint_under_another_name_is_seen(two, tmp_path):
    shutil.copytree(two.path(10), tmp_path / "00000010")
    shutil.copytree(two.path(10), tmp_path / "00000030")
    update, _, warnings = restore(Checkpoints(tmp_path))
    assert update == 10
    assert "manifest.json is that of update 10" in warnings[0]


def test_all_bad_is_an_error_that_lists_them(two, tmp_path):
    checkpoints = Checkpoints(shutil.copytree(two.directory, tmp_path / "bad"))
    (checkpoints.path(10) / "manifest.json").unlink()
    (checkpoints.path(20) / "state" / "_METADATA").write_bytes(b"")
    with pytest.raises(NoGoodCheckpoint) as error:
        restore(checkpoints)
    message = str(error.value)
    assert "00000010: manifest.json is missing" in message
    assert "00000020: state/_METADATA has 0 bytes instead of" in message


def test_bad_ones_are_set_aside(two, tmp_path):
    checkpoints = Checkpoints(shutil.copytree(two.directory, tmp_path / "bad"))
    checkpoints.set_aside(after=10)
    checkpoints.set_aside(after=10)
    assert checkpoints.updates() == [10]
    assert (checkpoints.directory / "00000020.bad").is_dir()
    checkpoints.save(20, make_state(21), {})
    checkpoints.set_aside(after=10)  # over the one that is there
    assert checkpoints.updates() == [10]


def test_the_state_after_the_evaluation_is_read_where_asked_for(two, tmp_path):
    checkpoints = Checkpoints(shutil.copytree(two.directory, tmp_path / "both"))
    checkpoints.save(20, make_state(21), {}, evaluated=True)
    assert checkpoints.updates() == [10, 20]
    assert_equal(restore(checkpoints)[1], make_state(20))
    warnings = []
    for expected in (21, 20):  # whole, and then damaged
        update, state = checkpoints.restore(
            make_state(0), warnings.append, evaluated=True
        )
        assert update == 20
        assert_equal(state, make_state(expected))
        (checkpoints.path(20, evaluated=True) / "manifest.json").write_bytes(b"")
    assert len(warnings) == 1 and "00000020.evaluated: " in warnings[0]
    checkpoints.set_aside(after=20)  # its evaluation comes again
    assert not checkpoints.path(20, evaluated=True).exists()


def test_another_model_is_told_apart_leaf_by_leaf(two):
    params, *rest = make_state(0)
    params = {"kernel": jnp.zeros((7, 4)), "bias": jnp.zeros(2)}
    with pytest.raises(ValueError) as error:
        two.restore((params, *rest), print)
    message = str(error.value)
    assert "[0]['kernel']: float32[7, 3] saved, float32[7, 4] now" in message
    assert "[0]['bias']: nothing saved, float32[2] now" in message
    assert "[0]['half']: bfloat16[5] saved, nothing now" in message
    assert "[1]" not in message


def test_the_newest_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for update in (5, 100, 20):
        checkpoints.save(update, jnp.zeros(2), {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00000020", "00000100"]


def test_leftovers_are_swept(tmp_path, two):
    checkpoints = Checkpoints(shutil.copytree(two.directory, tmp_path / "left"))
    for name in (".writing-00000030", ".removing-00000005"):
        (checkpoints.directory / name / "state").mkdir(parents=True)
    checkpoints.sweep()
    names = sorted(path.name for path in checkpoints.directory.iterdir())
    assert names == ["00000010", "00000020"]


def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced, opened, order = set(), {}, []
    real_open, real_sync, real_rename = os.open, os.fsync, Path.rename

    def open_noted(path, *args, **kwargs):
        descriptor = real_open(path, *args, **kwargs)
        opened[descriptor] = Path(path)
        return descriptor

    def sync_noted(descriptor):
        synced.add(opened.get(descriptor))
        real_sync(descriptor)

    def rename_noted(path, target):
        everything = {path, *path.rglob("*")}
        order.append((everything - synced, target))
        synced.clear()
        return real_rename(path, target)

    monkeypatch.setattr(os, "open", open_noted)
    monkeypatch.setattr(os, "fsync", sync_noted)
    monkeypatch.setattr(Path, "rename", rename_noted)
    Checkpoints(tmp_path).save(7, make_state(7), {})
    assert order == [(set(), tmp_path / "00000007")]
    assert synced == {tmp_path}  # and then the name itself


CALLS = [
    (os, "fsync"),
    (os, "open"),
    (Path, "mkdir"),
    (Path, "rename"),
    (Path, "write_bytes"),
    (module, "_sha256"),
    (arrays, "_checkpointer"),
]


@pytest.mark.parametrize(("owner", "name"), CALLS, ids=[name for _, name in CALLS])
def test_whatever_fails_in_a_save_the_one_before_stays(
    two, tmp_path, monkeypatch, owner, name
):
    checkpoints = Checkpoints(shutil.copytree(two.directory, tmp_path / "failing"))
    original = getattr(owner, name)
    calls = 0
    for failing in range(100):
        calls = 0

        def sometimes(*args, failing=failing, **kwargs):
            nonlocal calls
            calls += 1
            if calls == failing + 1:
                raise OSError(28, "No space left on device")
            return original(*args, **kwargs)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, sometimes)
            try:
                checkpoints.save(30 + failing, make_state(30), {})
            except SaveFailed as error:
                message = str(error)
            else:
                break
        assert f"update {30 + failing} could not be saved" in message
        assert "No space left on device" in message
        assert "\n" not in message
        update, state, warnings = restore(checkpoints)
        assert warnings == []
        # Only the sync after the renaming can fail with the new one in its place.
        assert f"that of update {update} is kept" in message
        assert_equal(state, make_state(20 if update == 20 else 30))
        if update != 20:
            assert name in ("fsync", "open")
            shutil.rmtree(checkpoints.path(update))
        left = [path for path in checkpoints.directory.iterdir() if path.name[0] == "."]
        assert left == []
    assert 0 < failing < 100 and calls < failing + 1


def test_the_first_save_that_fails_says_there_is_none(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SaveFailed, match="Read-only file system; there is none"):
        Checkpoints(tmp_path).save(1, jnp.zeros(2), {})


@pytest.mark.parametrize("can_allocate", [True, False])
def test_room_is_asked_for_before_orbax_writes(
    tmp_path, capfd, caplog, monkeypatch, can_allocate
):
    if not can_allocate:
        monkeypatch.delattr(os, "posix_fallocate")
    checkpoints = Checkpoints(tmp_path)
    state = {"w": jax.random.normal(jax.random.key(0), (50_000,))}
    checkpoints.save(1, state, {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (199_999, limits[1]))
    try:
        with pytest.raises(SaveFailed) as error:
            checkpoints.save(2, state, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    message = str(error.value)
    assert "File too large" in message and "\n" not in message
    assert "that of update 1 is kept." in message
    assert capfd.readouterr().err == ""
    assert caplog.messages == []
    checkpoints.save(2, state, {})
    update, restored = checkpoints.restore({"w": jnp.zeros(50_000)}, print)
    assert update == 2
    assert_equal(restored, state)
    names = {path.name for path in checkpoints.path(2).iterdir()}
    assert names == {"state", "manifest.json", "manifest.sha256"}

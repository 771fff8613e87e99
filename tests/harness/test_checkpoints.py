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
from tests.harness.conftest import assert_equal, names_in

MESH = jax.make_mesh((2,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
SPREAD = jax.sharding.NamedSharding(MESH, jax.sharding.PartitionSpec("x"))


def make_state(seed):
    """Makes a state with many kinds of leaves, one of them on two devices."""
    numbers = np.random.default_rng(seed).normal(size=(7, 3)).astype(np.float32)
    params = {
        "kernel": jax.device_put(numbers),
        "half": jax.device_put(numbers[:, 0].astype(jnp.bfloat16)),
        "spread": jax.device_put(numbers[:4], SPREAD),
    }
    others = (jax.random.key(seed), np.arange(4.0) + seed)
    return params, jax.device_put(np.int32(seed)), others, jax.device_put([True])


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """Checkpoints of updates 10 and 20, which no test may change."""
    checkpoints = Checkpoints(tmp_path_factory.mktemp("two"))
    for update in (10, 20):
        checkpoints.save(update, make_state(update), {"seed": 0})
    return checkpoints


@pytest.fixture
def copied(two, tmp_path):
    """A copy of them that a test may change."""
    return Checkpoints(shutil.copytree(two.directory, tmp_path / "copied"))


def restore(checkpoints, **options):
    warnings = []
    update, state = checkpoints.restore(make_state(0), warnings.append, **options)
    return update, state, warnings


def test_restored_to_the_bit_where_the_template_is(two, tmp_path):
    update, state, warnings = restore(two)
    assert (update, warnings) == (20, [])
    assert_equal(state, make_state(20))
    template = make_state(3)  # returned if there is no checkpoint
    update, state = Checkpoints(tmp_path / "none").restore(template, print)
    assert update == 0 and state is template


def files_in(directory):
    return sorted(path for path in directory.rglob("*") if path.is_file())


def damages(files):
    """Truncates, empties, lengthens and deletes every file; flips 200 single bits."""
    for file in files:
        good = file.read_bytes()
        yield from ((file, bad) for bad in (good[:-1], b"", good + b"\0", None))
    draw = random.Random(1)
    for file in [*files, *draw.choices(files, k=200 - len(files))]:
        bad = bytearray(file.read_bytes())
        bad[draw.randrange(len(bad))] ^= 1 << draw.randrange(8)
        yield file, bad


def test_every_damage_of_every_file_is_seen(copied):
    """The previous checkpoint is read, and a warning names the damaged one."""

    def assert_seen(what):
        warnings = []
        assert copied.newest(warnings.append) == (10, copied.path(10))
        assert len(warnings) == 1 and "00000020" in warnings[0] and what in warnings[0]

    for file, bad in damages(files_in(copied.path(20))):
        good = file.read_bytes()
        file.unlink() if bad is None else file.write_bytes(bad)
        assert_seen(file.name)
        file.write_bytes(good)
    assert restore(copied)[0] == 20
    (copied.path(20) / "state" / "d" / "stranger").write_bytes(b"")
    assert_seen("state/d/stranger is not in the manifest")
    update, state, _ = restore(copied)
    assert update == 10
    assert_equal(state, make_state(10))


def test_a_checkpoint_under_another_name_is_seen(two, tmp_path):
    shutil.copytree(two.path(10), tmp_path / "00000010")
    shutil.copytree(two.path(10), tmp_path / "00000030")
    update, _, warnings = restore(Checkpoints(tmp_path))
    assert update == 10
    assert "manifest.json is that of update 10" in warnings[0]


def test_all_bad_is_an_error_that_lists_them(copied):
    (copied.path(10) / "manifest.json").unlink()
    (copied.path(20) / "state" / "_METADATA").write_bytes(b"")
    with pytest.raises(NoGoodCheckpoint) as error:
        restore(copied)
    message = str(error.value)
    assert "00000010: manifest.json is missing" in message
    assert "00000020: state/_METADATA has 0 bytes instead of" in message


def test_bad_ones_are_set_aside(copied):
    copied.set_aside(after=10)
    copied.set_aside(after=10)
    assert names_in(copied.directory) == ["00000010", "00000020.bad"]
    copied.save(20, jnp.zeros(2), {})
    copied.set_aside(after=10)  # replaces the one set aside before
    assert names_in(copied.directory) == ["00000010", "00000020.bad"]


def test_the_state_after_the_evaluation_is_read_where_asked_for(copied):
    copied.save(20, make_state(21), {}, evaluated=True)
    assert copied.updates() == [10, 20]
    assert_equal(restore(copied)[1], make_state(20))
    for expected in (21, 20):  # whole, and then damaged
        update, state, warnings = restore(copied, evaluated=True)
        assert update == 20
        assert_equal(state, make_state(expected))
        (copied.path(20, evaluated=True) / "manifest.json").write_bytes(b"")
    assert len(warnings) == 1 and "00000020.evaluated: " in warnings[0]
    copied.set_aside(after=20)  # its evaluation will be repeated
    assert not copied.path(20, evaluated=True).exists()


def test_another_model_is_told_apart_leaf_by_leaf(two):
    params, *rest = make_state(0)
    params = {"kernel": jnp.zeros((7, 4)), "bias": jnp.zeros(2)}
    with pytest.raises(ValueError) as error:
        two.restore((params, *rest), print)
    message = str(error.value)
    assert "[0]['kernel']: float32[7, 3] saved, float32[7, 4] now" in message
    assert "[0]['bias']: nothing saved, float32[2] now" in message
    assert "[0]['half']: bfloat16[7] saved, nothing now" in message
    assert "[1]" not in message


def test_the_newest_are_kept_and_what_is_left_behind_is_swept(copied):
    for update in (5, 20):  # left behind because they could not be removed
        copied.path(update, evaluated=True).mkdir()
    for name in (".writing-00000030", ".removing-00000005"):
        (copied.directory / name / "state").mkdir(parents=True)
    copied.sweep()
    assert names_in(copied.directory) == ["00000010", "00000020", "00000020.evaluated"]
    copied.keep = 2
    (copied.directory / "00000015.bad").mkdir()
    for update in (100, 30):
        copied.save(update, jnp.zeros(2), {})
    assert names_in(copied.directory) == ["00000015.bad", "00000030", "00000100"]


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
    assert synced == {tmp_path}  # then the directory entry itself


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
    copied, monkeypatch, owner, name
):
    original, state = getattr(owner, name), {"w": jnp.arange(3.0)}
    kept = (copied.path(20) / "manifest.json").read_bytes()
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
                copied.save(30 + failing, state, {})
            except SaveFailed as error:
                message = str(error)
            else:
                break
        assert f"update {30 + failing} could not be saved" in message
        assert "No space left on device" in message and "\n" not in message
        update, path = copied.newest(pytest.fail)  # verified against its manifest
        assert f"that of update {update} is kept" in message
        # Only the sync after the rename can fail with the new one in place.
        if update != 20:
            assert name in ("fsync", "open")
            assert_equal(copied.restore(state, pytest.fail)[1], state)
            shutil.rmtree(path)
        else:
            assert (path / "manifest.json").read_bytes() == kept
        assert not list(copied.directory.glob(".*"))
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

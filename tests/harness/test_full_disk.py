"""Disks that are full or read-only, for real: in a mount namespace of our own."""

import shlex
import subprocess

import pytest

from tests.harness.conftest import COMMAND, ROOT

TOY = shlex.join(COMMAND)


def can_mount() -> bool:
    """Says whether this user may mount in a namespace; a container may forbid it."""
    try:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_mount(), reason="needs mount namespaces"),
]


def run_script(directory, size, script):
    """Runs a shell script on a small disk of its own, mounted at `directory`."""
    mount = f"set -e; mount -t tmpfs -o size={size} tmpfs {directory}; set +e; "
    command = ["unshare", "-rm", "sh", "-c", mount + script]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_full_disk(tmp_path):
    run = tmp_path / "run"
    done = run_script(
        tmp_path,
        "300k",
        f"{TOY} --run-dir {run} --num-updates 300 --checkpoint-every 1; echo $?; "
        f"mount -o remount,size=4m {tmp_path}; {TOY} --resume {run}; echo $?",
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("error: ")
    assert "No space left on device" in lines[0]
    assert "is kept." in lines[0]
    statuses = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert statuses == ["1", "0"]
    kept = lines[0].rpartition("that of update ")[2].partition(" ")[0]
    assert f"resuming {run} after update {kept}" in done.stdout


def test_read_only_directory(tmp_path):
    run = tmp_path / "run"
    lock = f"mount --bind {run} {run}; mount -o remount,ro,bind {run}; "
    done = run_script(
        tmp_path,
        "4m",
        f"{TOY} --run-dir {run} --num-updates 1; echo $?; {lock}"
        f"{TOY} --resume {run} --num-updates 9; echo $?; {TOY} --resume {run} "
        f"--sample 3; echo $?; umount {run}; {TOY} --resume {run}; echo $?",
    )
    assert done.stderr == f"error: [Errno 30] Read-only file system: '{run}/lock'\n"
    statuses = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert statuses == ["0", "2", "0", "0"]  # sampling needs to read alone
    assert "3 steps after update 1 and 1 evaluations" in done.stdout


def test_directory_that_becomes_read_only(tmp_path):
    run = tmp_path / "run"
    checkpoints = run / "checkpoints"
    done = run_script(
        tmp_path,
        "4m",
        f"{TOY} --run-dir {run} --num-updates 2 --checkpoint-every 1; echo $?; "
        f"mount --bind {checkpoints} {checkpoints}; "
        f"mount -o remount,ro,bind {checkpoints}; "
        f"{TOY} --resume {run} --num-updates 9; echo $?; umount {checkpoints}; "
        f"{TOY} --resume {run}; echo $?",
    )
    assert done.stderr.count("\n") == 1, done.stderr
    assert "the checkpoint of update 3 could not be saved" in done.stderr
    assert "Read-only file system" in done.stderr
    assert "that of update 2 is kept." in done.stderr
    statuses = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert statuses == ["0", "1", "0"]

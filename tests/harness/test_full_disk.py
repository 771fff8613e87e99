"""Disks that really are full or read-only, in a mount namespace."""

import shlex
import subprocess

import pytest

from tests.harness.conftest import COMMAND, ROOT

TOY = shlex.join(COMMAND)


def can_mount() -> bool:
    """Returns whether this user may mount in a namespace; containers may forbid it."""
    try:
        command = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_mount(), reason="needs mount namespaces"),
]


def run_script(directory, size, *commands):
    """Runs commands of a shell with a small disk mounted at `directory`.

    Returns standard output, standard error, and the exit statuses of the toy's runs.
    """
    mount = f"set -e; mount -t tmpfs -o size={size} tmpfs {directory}; set +e; "
    shown = [f"{x}; echo $?" if x.startswith(TOY) else x for x in commands]
    command = ["unshare", "-rm", "sh", "-c", mount + "; ".join(shown)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    statuses = [line for line in done.stdout.splitlines() if line.isdigit()]
    return done.stdout, done.stderr, statuses


def test_full_disk(tmp_path):
    run = tmp_path / "run"
    out, err, statuses = run_script(
        *(tmp_path, "300k"),
        f"{TOY} --run-dir {run} --num-updates 300 --checkpoint-every 1",
        f"mount -o remount,size=4m {tmp_path}",
        f"{TOY} --resume {run}",
    )
    assert err.count("\n") == 1 and err.startswith("error: ")
    assert "No space left on device" in err and "is kept." in err
    assert statuses == ["1", "0"]
    kept = err.rpartition("that of update ")[2].partition(" ")[0]
    assert f"resuming {run} after update {kept}" in out


def read_only(directory):
    """Returns the script that makes a directory read-only until `umount`."""
    return f"mount --bind {directory} {directory}; mount -o remount,ro,bind {directory}"


def test_read_only_directory(tmp_path):
    run = tmp_path / "run"
    resume = f"{TOY} --resume {run}"
    first = f"{TOY} --run-dir {run} --num-updates 1"
    refused = f"{resume} --num-updates 9", f"{resume} --sample 3"
    script = first, read_only(run), *refused, f"umount {run}", resume
    out, err, statuses = run_script(tmp_path, "4m", *script)
    assert err == f"error: [Errno 30] Read-only file system: '{run}/lock'\n"
    assert statuses == ["0", "2", "0", "0"]  # sampling only reads
    assert "3 steps after update 1 and 1 evaluations" in out


def test_directory_that_becomes_read_only(tmp_path):
    run, checkpoints = tmp_path / "run", tmp_path / "run" / "checkpoints"
    first = f"{TOY} --run-dir {run} --num-updates 2 --checkpoint-every 1"
    resume = f"{TOY} --resume {run}"
    script = first, read_only(checkpoints), f"{resume} --num-updates 9"
    script += (f"umount {checkpoints}", resume)
    _, err, statuses = run_script(tmp_path, "4m", *script)
    assert err.count("\n") == 1, err
    assert "the checkpoint of update 3 could not be saved" in err
    assert "Read-only file system" in err and "that of update 2 is kept." in err
    assert statuses == ["0", "1", "0"]

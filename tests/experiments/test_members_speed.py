"""The comparison of two ways to train many networks, at a tiny size."""

import subprocess
import sys

import jax
import pytest

from experiments import members_speed
from experiments.harness.command import DONE
from tests.experiments.running import plots_of, run, updates_of


def test_both_ways_give_the_same_parameters(tmp_path):
    flags = "--num-members 2 --hidden-size 3 --batch-size 2 --num-steps 11 "
    flags += f"--num-turns 1 --num-devices 2 --run-dir {tmp_path / 'run'}"
    with jax.default_prng_impl("unsafe_rbg"):  # compiles fast
        assert run(members_speed, flags, train="show") == DONE
    (line,) = updates_of(tmp_path / "run")
    assert line["networks"] == 2 and line["largest_difference"] < 1e-6
    assert plots_of(tmp_path / "run") == {"members_speed"}


def test_a_difference_is_seen():
    alone = [{"w": 1.0}, {"w": 2.0}]
    assert members_speed.largest_difference(alone, {"w": [1.0, 2.25]}) == 0.25


@pytest.mark.slow
def test_as_many_devices_as_cores_do_not_deadlock(tmp_path):
    """Batched QR factorizations on two devices of two cores did, at these sizes."""
    command = [sys.executable, "-m", "experiments.members_speed", "--num-members", "8"]
    command += ["--num-turns", "1", "--run-dir", str(tmp_path / "run")]
    done = subprocess.run(command, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

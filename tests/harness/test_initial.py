"""`--init-from` takes the parameters of a run and nothing else."""

import jax
import jax.numpy as jnp
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from experiments.harness import read_params
from experiments.harness.arrays import write_arrays
from experiments.harness.initial import with_params_of
from tests.harness import toy
from tests.harness.conftest import results_of, run_python


def params_of(directory):
    like = toy.make_state(toy.Config())["params"]
    return jax.tree.map(lambda x: x.tolist(), read_params(directory, like))


def test_a_run_begins_with_the_parameters_of_another(run_toy, tmp_path, finished):
    directory = tmp_path / "run"
    others = ("--seed", 5, "--num-updates", 1, "--learning-rate", 0)
    run_toy("--run-dir", directory, *others, "--init-from", finished)
    assert params_of(directory) == params_of(finished)
    run_toy("--run-dir", tmp_path / "fresh", *others)
    assert params_of(tmp_path / "fresh") != params_of(finished)


def test_a_resumed_run_does_not_begin_again(run_toy, tmp_path, finished):
    both = ("--num-updates", 2, "--checkpoint-every", 1, "--init-from", finished)
    whole, directory = tmp_path / "whole", tmp_path / "run"
    run_toy("--run-dir", whole, *both)
    run_toy("--run-dir", directory, *both, "--signal-at", 1)
    assert results_of(directory)["status"] == "interrupted"
    run_toy("--resume", directory, "--signal-at", -1)
    assert params_of(directory) == params_of(whole) != params_of(finished)


def test_another_model_is_told_apart_leaf_by_leaf(run_toy, tmp_path, finished):
    directory = tmp_path / "run"
    arguments = ("--run-dir", directory, "--hidden-size", 4, "--init-from", finished)
    assert run_toy(*arguments, status=2).err == (
        f"error: the parameters of {finished} are those of another model ("
        "params.v: float32[2, 5] in the run, float32[2, 4] wanted; "
        "params.w: float32[5, 2] in the run, float32[4, 2] wanted).\n"
    )
    assert not directory.exists()
    with pytest.raises(ValueError, match=r"params.b: nothing in the run, float32\[2\]"):
        read_params(finished, {"b": jnp.zeros(2)})


def test_what_has_no_parameters_is_told(run_toy, tmp_path, finished):
    arguments = ("--run-dir", tmp_path / "run", "--init-from", tmp_path)
    outcome = run_toy(*arguments, status=2)
    assert outcome.err == f"error: {tmp_path} must hold a checkpoint, got none.\n"
    with pytest.raises(ValueError, match="this experiment has no branch of that name"):
        with_params_of(finished, {"weights": jnp.zeros(2)})


def test_parameters_of_a_run_on_more_devices_are_read_on_one(tmp_path):
    mesh = jax.make_mesh((4,), ("x",), (AxisType.Auto,))
    spread = jax.device_put(jnp.arange(8.0), NamedSharding(mesh, PartitionSpec("x")))
    write_arrays(tmp_path / "state", {"params": {"w": spread}})
    program = (
        "import sys, pathlib\n"
        "from experiments.harness.arrays import read_subtree\n"
        "print(read_subtree(pathlib.Path(sys.argv[1]), 'params')[('w',)].tolist())"
    )
    done = run_python("-c", program, tmp_path / "state")
    assert done.stdout.strip() == str([float(x) for x in range(8)]), done.stderr

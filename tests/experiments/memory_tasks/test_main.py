"""The models and methods of the memory tasks, and the command itself."""

import contextlib
import functools
import io
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.harness.command import DONE
from experiments.memory_tasks import __main__ as memory_tasks
from experiments.memory_tasks import loading, symbols
from experiments.memory_tasks.__main__ import Config, make_variant
from experiments.shared import members
from experiments.shared.cells import cell_makers
from experiments.shared.members import DIVERGED, RUNNING, SOLVED
from tests.experiments.running import plots_of, run, updates_of

TINY = "--hidden-size 5 --batch-size 4 --num-tests 500 --num-updates 4 --eval-every 2 "
TINY += "--checkpoint-every 2 --num-devices 1 --num-steps 9 --cell elman_normal "
TINY += "--method regularized --num-seeds 3 --grid learning_rate=1e-30,30,1e30"
KEY = jax.random.key(0)
SMALL_OUTPUTS = loading.SEQUENCES["adding_bai"](9)._replace(
    score=lambda outputs, sequences: (abs(outputs[-1, :, 0]) > 1).astype(float),
    solved_below=0.5,
)


@pytest.fixture(scope="module", autouse=True)
def task():
    """A task that some learning rates solve; runs that share one compiled update."""
    variants: dict = {}

    def make_once(config, task, *names):
        return variants.setdefault(names, make_variant(config, task, *names))

    with pytest.MonkeyPatch.context() as patch, jax.default_prng_impl("unsafe_rbg"):
        patch.setitem(loading.SEQUENCES, "adding_bai", lambda num_steps: SMALL_OUTPUTS)
        patch.setattr(memory_tasks, "make_variant", make_once)
        for name in ("members_update", "members_evaluation"):
            patch.setattr(members, name, functools.cache(getattr(members, name)))
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run's directory and what it printed."""
    directory = tmp_path_factory.mktemp("finished") / "run"
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert run(memory_tasks, f"{TINY} --run-dir {directory}") == DONE
    return directory, out.getvalue()


def test_the_command(finished):
    directory, out = finished
    rows = {x.split()[1]: x.split()[2:8] for x in out.splitlines() if "rate=" in x}
    assert rows["learning_rate=1e-30"] == ["3", "of", "3", "0.44", "to", "1.00"]
    assert rows["learning_rate=30"] == ["0", "of", "3", "0.00", "to", "0.56"]
    found = updates_of(directory)[-1]["members"]["elman_normal"]
    assert found["status"] == [SOLVED] * 3 + [RUNNING] * 3 + [DIVERGED] * 3
    assert found["num_updates"][:6] == [2] * 3 + [4] * 3
    assert plots_of(directory) == {"scores"}


def test_a_resumed_run_repeats_its_evaluation(finished, tmp_path):
    """Members become solved at the evaluation that is repeated."""
    directory, _ = finished
    resumed = shutil.copytree(directory, tmp_path / "resumed")
    for checkpoint in (resumed / "checkpoints").glob("*4*"):
        shutil.rmtree(checkpoint)
    assert list((resumed / "checkpoints").iterdir())
    assert run(memory_tasks, f"--resume {resumed}") == DONE
    assert updates_of(resumed) == updates_of(directory)


def made(**fields):
    config = Config(hidden_size=4, **fields)
    task = symbols.temporal_order(10)
    return make_variant(config, task, config.cell[0], config.method[0]), task


@pytest.mark.parametrize("layer", ["stack", "dilated", "residual", "bidirectional"])
def test_layers_by_name(layer):
    variant, task = made(cell=("gru",), layer=layer, num_layers=2)
    model = variant.model
    params = jax.eval_shape(lambda key: model.init(key, 6), KEY)
    inputs = jax.ShapeDtypeStruct((7, 2, 6), jnp.float32)
    outputs = jax.eval_shape(lambda p, x: model.apply(p, None, x)[1], params, inputs)
    assert outputs.shape == (7, 2, task.output_size)
    firsts = [x.shape[0] for x in jax.tree.leaves(params) if x.ndim == 2]
    assert 6 in firsts and (8 if layer == "bidirectional" else 4) in firsts


def test_the_penalty_reaches_the_recurrent_weights_only():
    variant, task = made(cell=("elman_normal",), method=("regularized",))

    @jax.jit
    def both(key):
        params = variant.model.init(key, task.input_size)
        sequences = task.sample(jax.random.fold_in(key, 1), 5)
        plain = jax.value_and_grad(variant.loss)(params, sequences)
        return plain, variant.penalized_gradients(params, sequences, 4.0)

    (loss, grads), (penalized_loss, got) = both(jax.random.key(2, impl="unsafe_rbg"))
    np.testing.assert_allclose(penalized_loss, loss, rtol=1e-6)
    apart = jax.tree.map(lambda x, y: float(abs(x - y).max()), got, grads)
    assert apart[0][0].pop("recurrent_kernel") > 1e-2
    assert max(jax.tree.leaves(apart)) < 1e-6


def test_cells_by_name():
    makers = cell_makers()
    params = jax.eval_shape(lambda key: makers["lstm"](3).init(key, 2), KEY)
    assert params["kernel"].shape == (2, 12)
    names = {"elman", "gru", "gru(H, reset_after=False)", "lru", "unitary_rnn"}
    assert names < set(makers)

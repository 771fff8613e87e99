"""The word language model: its update, its presets, its commands at a tiny size."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from experiments import char_lm, word_lm
from experiments.data.vocabulary import Vocabulary
from experiments.harness.command import DONE
from experiments.shared.devices import make_mesh
from experiments.shared.optimizers import decay_by_epoch
from experiments.shared.training import initial_state, num_weights, place
from rnnjax import cross_entropy_mean_over_steps, cross_entropy_sum_over_time
from tests.experiments.running import results_of, run

KEY = jax.random.key(1)


@pytest.fixture
def text_path(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "text.txt"
    path.write_text(" ".join(rng.choice([*"abcde", "\n"], 150)))
    return path


@pytest.mark.parametrize(
    ("experiment", "loss", "loss_of"),
    [
        (char_lm, "mean_over_steps", cross_entropy_mean_over_steps),
        (word_lm, "sum_over_time", cross_entropy_sum_over_time),
    ],
)
def test_the_module_trains_to_the_bit_like_the_functional_layer(
    experiment, text_path, loss, loss_of
):
    """It hands the carry on and cuts the gradient where a window begins."""
    flags = {"embedding_size": 4, "dropout_rate": 0.2, "loss": loss}
    flags |= {"hidden_size": 4, "batch_size": 3, "num_steps": 4}
    prepared = experiment.prepare(experiment.Config(data_path=text_path, **flags))
    module, optimizer, mesh = prepared.module, prepared.optimizer, make_mesh(1)
    state = place(initial_state(module, optimizer, 3), mesh)
    update = experiment.make_update(prepared, mesh, KEY)
    state, params = jax.tree.map(jnp.copy, (state, nnx.as_pure(module.params)))
    carry, opt_state = module.layer.initial_carry(params, (3,)), optimizer.init(params)

    @jax.jit
    def functional_update(params, opt_state, carry, batch, i):
        inputs, targets, is_first = (x.T for x in batch)
        options = {"is_first": is_first, "key": jax.random.fold_in(KEY, i)}

        def objective(params):
            new_carry, logits = module.layer.apply(params, carry, inputs, **options)
            nats = cross_entropy_mean_over_steps(logits, targets)
            return loss_of(logits, targets), (new_carry, nats)

        gradient = jax.value_and_grad(objective, has_aux=True)
        (_, (new_carry, nats)), grads = gradient(params)
        updates, opt_state = optimizer.update(grads, opt_state, params)
        params = optax.apply_updates(params, updates)
        return params, opt_state, new_carry, (nats, optax.tree.norm(grads))

    for i in range(3):
        state, metrics = update(state, i)
        params, opt_state, carry, (nats, norm) = functional_update(
            params, opt_state, carry, prepared.batch(i), i
        )
        assert metrics["loss"] == nats
        np.testing.assert_allclose(metrics["grad_norm"], norm, rtol=1e-5)
    found = (nnx.to_pure_dict(state.params)["params"], state.carry)
    pairs = zip(*map(jax.tree.leaves, (found, (params, carry))), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    "name, expected, epochs, rates",
    [
        # rates of epochs 1, 4, 5, 6 and 13; the paper's section 4.1
        ("zaremba_small", 4_651_600, 13, {1: 1, 4: 1, 5: 1 / 2, 6: 1 / 4, 13: 2**-9}),
        ("zaremba_medium", 19_775_200, 39, {1: 1, 6: 1, 7: 1 / 1.2, 39: 1.2**-33}),
        ("zaremba_large", 66_022_000, 55, {1: 1, 14: 1, 15: 1 / 1.15, 55: 1.15**-41}),
    ],
)
def test_presets_are_the_paper_s(name, expected, epochs, rates):
    config = word_lm.PRESETS[name]
    words = Vocabulary(tuple(map(str, range(10_000))))
    shapes = jax.eval_shape(lambda: nnx.state(word_lm.make_model(config, words, KEY)))
    assert num_weights(shapes) == expected
    epoch_length = config.eval_every
    assert epoch_length == (929_589 // 20 - 1) // config.num_steps
    assert config.num_updates == epochs * epoch_length
    schedule = decay_by_epoch(
        config.learning_rate, config.decay_rate, config.constant_epochs, epoch_length
    )
    for epoch, rate in rates.items():
        for update in ((epoch - 1) * epoch_length, epoch * epoch_length - 1):
            np.testing.assert_allclose(schedule(jnp.asarray(update)), rate, rtol=1e-5)


@pytest.mark.parametrize("experiment", [char_lm, word_lm])
def test_all_weights_are_drawn_from_the_interval(experiment):
    sizes = {"hidden_size": 30, "embedding_size": 25}
    config = experiment.Config(init_bound=0.1, forget_bias=0.0, **sizes)
    module = experiment.make_model(
        config, Vocabulary(tuple("abcdefghijklmnopqrst")), KEY
    )
    for leaf in jax.tree.leaves(nnx.state(module)):
        leaf = np.asarray(leaf)
        assert 0.8 * 0.1 < abs(leaf).max() <= 0.1
        assert abs(leaf.mean()) < 5 * 0.1 / math.sqrt(3 * leaf.size)


def test_a_run_is_evaluated_sampled_and_scores_lines(tmp_path, text_path, capsys):
    directory = tmp_path / "run"
    flags = "--hidden-size 4 --embedding-size 4 --batch-size 3 --num-steps 5"
    flags += f" --num-updates 3 --data-path {text_path} --run-dir {directory}"
    assert run(word_lm, flags) == DONE
    metrics = results_of(directory)["metrics"]
    assert metrics["test_perplexity"] == pytest.approx(math.exp(metrics["test_loss"]))
    capsys.readouterr()
    assert run(word_lm, f"--resume {directory} --sample 4 --prompt a") == DONE
    words = capsys.readouterr().out.split()
    assert words[0] == "a" and len(words) == 1 + 4
    assert set(words) <= {*"abcde", "<eos>", "<unk>"}
    reply = word_lm.make_reply(word_lm.load(directory))
    assert reply("a b").fields["num_symbols"] == 3
    assert reply("a zebra") == reply("a <unk>")

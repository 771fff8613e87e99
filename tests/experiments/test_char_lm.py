"""The character language model, run from the command line at a tiny size."""

import functools
import json
import shutil

import jax
import numpy as np
import pytest
from flax import nnx

from experiments import char_lm
from experiments.data.vocabulary import Vocabulary
from experiments.harness.command import BAD_INPUT, DONE
from experiments.shared import evaluation
from experiments.shared.trained import load
from experiments.shared.training import num_weights
from tests.experiments import running
from tests.experiments.running import results_of, run, updates_of

LEARNING = "--num-updates 40 --eval-every 20 --learning-rate 0.03"
TINY = "--hidden-size 6 --num-steps 5 --batch-size 3 --sample-length 9 --ngram-order 2"


def train(directory, flags="", name="run"):
    """Trains on the text in the directory, writing one if there is none."""
    path = directory / "text.txt"
    if not path.exists():
        words = ["the", "cat", "sat", "on", "a", "mat", "\n"]
        path.write_text(" ".join(np.random.default_rng(0).choice(words, 300)))
    flags = f"{TINY} --data-path {path} --run-dir {directory / name} {flags}"
    return run(char_lm, flags)


def resume(directory, flags=""):
    return run(char_lm, f"--resume {directory} {flags}")


def assert_learned(directory):
    losses = [line["loss"] for line in updates_of(directory) if "loss" in line]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that no test may change."""
    directory = tmp_path_factory.mktemp("trained")
    assert train(directory, LEARNING) == DONE
    return directory / "run"


@pytest.mark.parametrize(
    "flags, expected",
    [
        ({"cell": "elman"}, 11 * 6 + 6 * 6 + 6),
        ({"cell": "lstm"}, 4 * (11 * 6 + 6 * 6 + 6)),
        ({"cell": "gru"}, 3 * (11 * 6 + 6 * 6 + 6) + 6),
        ({"model": "window_mlp"}, 16 * 11 * 6 + 6),
    ],
)
def test_every_model_has_the_weights_of_its_equations(flags, expected):
    config = char_lm.Config(hidden_size=6, **flags)
    make = functools.partial(
        char_lm.make_model,
        config,
        Vocabulary.of_characters("abcdefghijk"),
        jax.random.key(0),
    )
    shapes = jax.eval_shape(lambda: nnx.state(make()))
    assert num_weights(shapes) == expected + 6 * 11 + 11


def test_a_network_learns_is_tested_at_the_end_and_is_sampled(trained, capsys):
    assert_learned(trained)
    assert running.plots_of(trained) == {"learning_curve"}
    sample = (trained / "samples" / "00000040.txt").read_text()
    assert len(sample) == 1 + 9 and sample[0] == "\n"
    metrics = results_of(trained)["metrics"]
    assert metrics["test_bits"] == pytest.approx(metrics["test_loss"] / np.log(2))
    assert resume(trained, "--sample 12 --temperature 0 --prompt cat") == DONE
    printed = capsys.readouterr().out
    assert printed.startswith("cat") and len(printed) == 3 + 12 + 1


def test_a_network_with_a_fixed_window_learns(tmp_path):
    assert train(tmp_path, f"--model window_mlp {LEARNING}") == DONE
    assert_learned(tmp_path / "run")


def test_ngrams_are_evaluated_by_the_same_measure(tmp_path, capsys):
    assert train(tmp_path, "--model ngram") == DONE
    assert "2-gram: " in capsys.readouterr().out
    metrics = results_of(tmp_path / "run")["metrics"]
    assert metrics["2-gram"] < metrics["1-gram"] < np.log(12)


def test_a_resumed_run_is_bit_identical_and_two_devices_train_as_one(
    tmp_path, monkeypatch
):
    flags = "--eval-every 4 --checkpoint-every 3 --dropout-rate 0.3 --batch-size 4"
    assert train(tmp_path, f"{flags} --num-devices 1 --num-updates 10", "one") == DONE
    running.compile_update_once(char_lm, monkeypatch)
    flags += " --num-devices 2 --num-updates"
    assert train(tmp_path, f"{flags} 10", "whole") == DONE
    assert train(tmp_path, f"{flags} 6", "parts") == DONE
    assert resume(tmp_path / "parts", "--num-updates 10") == DONE
    config = json.loads((tmp_path / "parts" / "config.json").read_text())
    assert config["num_devices"] == 2
    directories = tmp_path / "whole", tmp_path / "parts"
    whole, parts = map(updates_of, directories)
    # the shorter run is also evaluated at its own end
    extra = [line for line in parts if line not in whole]
    assert [line["update"] for line in extra] in ([], [6])
    assert [line for line in parts if line not in extra] == whole
    for name in ("00000004", "00000008", "00000010"):
        a, b = (path / "samples" / f"{name}.txt" for path in directories)
        assert a.read_bytes() == b.read_bytes()
    for ours, theirs in zip(whole, updates_of(tmp_path / "one"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_a_resume_with_another_text_or_configuration_says_what_differs(
    trained, tmp_path, capsys
):
    assert resume(trained, "--hidden-size 7 --cell gru") == BAD_INPUT
    printed = capsys.readouterr().err
    assert "hidden_size: 6 in the run, 7 asked for" in printed
    assert "cell: lstm in the run, gru asked for" in printed
    text, directory = tmp_path / "text.txt", shutil.copytree(trained, tmp_path / "run")
    text.write_text((trained.parent / "text.txt").read_text().replace("cat", "act"))
    for name in ("config.json", "results.json"):  # as if it had been trained there
        content = (
            (directory / name).read_text().replace(str(trained.parent), str(tmp_path))
        )
        (directory / name).write_text(content)
    assert resume(directory, "--num-updates 41") == BAD_INPUT
    assert "must be what" in capsys.readouterr().err


def test_parameters_and_vocabulary_of_another_run_are_kept(trained, tmp_path, capsys):
    """The new text has fewer symbols than the vocabulary of the run."""
    flags = f"--init-from {trained} --num-updates 1 --learning-rate 0 --max-norm None"
    (tmp_path / "text.txt").write_text("the cat sat on the mat\n" * 60)
    assert train(tmp_path, flags) == DONE
    first, last = load(tmp_path / "run"), load(trained)
    assert first.symbols == last.symbols
    pairs = zip(*(jax.tree.leaves(nnx.state(t.module)) for t in (first, last)))
    for got, expected in pairs:
        np.testing.assert_array_equal(got, expected)
    (tmp_path / "text.txt").write_text("the dog\n" * 60)
    assert train(tmp_path, flags, "other") == BAD_INPUT
    assert "got 'd' at position 4" in capsys.readouterr().err


def test_lines_are_scored(trained, capsys, tmp_path):
    """Nats per symbol, including the end of the line, from a loop over the layer."""
    module, _, vocabulary = load(trained)
    params, carry, nats = nnx.as_pure(module.params), None, []
    carry = module.layer.initial_carry(params)
    tokens = vocabulary.encode("\nthe cat\n")
    for token, target in zip(tokens, tokens[1:]):
        carry, logits = module.layer.step(params, carry, jax.numpy.asarray(token))
        nats.append(float(jax.nn.logsumexp(logits) - logits[target]))
    path = tmp_path / "lines.txt"
    path.write_text("the cat\nzebra\nthe mat\n")
    flags = f"--resume {trained} --score --input {path} --format jsonl"
    assert run(char_lm, flags) == BAD_INPUT
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["nats_per_symbol"] == pytest.approx(np.mean(nats), rel=1e-5)
    assert first["num_symbols"] == 8
    assert second["line"] == 2 and "got 'z' at position 0" in second["error"]
    assert third["line"] == 3


def test_a_length_seen_compiles_nothing(trained):
    reply = char_lm.make_reply(load(trained))
    reply("the cat sat")
    programs = evaluation._window_nats._cache_size()
    for line in ("a", "on a mat", "the cat"):
        reply(line)
    assert evaluation._window_nats._cache_size() == programs

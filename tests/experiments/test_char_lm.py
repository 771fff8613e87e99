"""The character language model, as a person runs it, at a tiny size."""

import json

import jax
import numpy as np
import pytest
from flax import nnx

from experiments import char_lm
from experiments.harness.command import BAD_INPUT, DONE, NO_DATA, run_command
from experiments.shared import answering, evaluation
from experiments.shared.trained import load
from experiments.shared.training import num_weights

LEARNING = "--num-updates 40 --eval-every 20 --learning-rate 0.03"
TINY = "--hidden-size 6 --num-steps 5 --batch-size 3 --sample-length 9 --ngram-order 2"


def run(arguments):
    return run_command(
        char_lm.train, char_lm.Config, char_lm.PRESETS, char_lm.sample, arguments
    )


def write_text(path):
    rng = np.random.default_rng(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "\n"]
    path.write_text(" ".join(rng.choice(words, 300)), encoding="utf-8")
    return path


@pytest.fixture
def text_path(tmp_path):
    return write_text(tmp_path / "text.txt")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run for all to read and none to change."""
    directory = tmp_path_factory.mktemp("trained")
    path = write_text(directory / "text.txt")
    arguments = f"{TINY} {LEARNING} --data-path {path} --run-dir {directory / 'run'}"
    assert run(arguments.split()) == DONE
    return directory / "run"


@pytest.fixture
def command(tmp_path, text_path):
    """Runs the command on the text, with more flags, in tmp_path / name."""

    def run_on_text(flags="", name="run"):
        arguments = f"{TINY} --data-path {text_path} {flags}".split()
        return run([*arguments, "--run-dir", str(tmp_path / name)])

    return run_on_text


def resume(directory, flags=""):
    return run(f"--resume {directory} {flags}".split())


def updates_of(directory):
    """The metrics of a run, but for those that depend on the clock."""
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "wall": None} for line in lines]


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
    module = char_lm.make_model(config, 11, jax.random.key(0))
    assert num_weights(nnx.state(module)) == expected + 6 * 11 + 11


def test_a_network_learns(trained):
    losses = [line["loss"] for line in updates_of(trained) if "loss" in line]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    assert (trained / "plots" / "learning_curve.png").stat().st_size > 10_000
    sample = (trained / "samples" / "00000040.txt").read_text()
    assert len(sample) == 1 + 9 and sample[0] == "\n"


def test_a_text_of_the_user_s_is_tested_at_the_end(trained):
    metrics = json.loads((trained / "results.json").read_text())["metrics"]
    assert metrics["test_bits"] == pytest.approx(metrics["test_loss"] / np.log(2))


def test_a_network_with_a_fixed_window_learns(command, tmp_path):
    assert command(f"--model window_mlp {LEARNING}") == DONE
    losses = [line["loss"] for line in updates_of(tmp_path / "run") if "loss" in line]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3


def test_ngrams_are_evaluated_by_the_same_measure(command, tmp_path, capsys):
    assert command("--model ngram") == DONE
    assert "2-gram: " in capsys.readouterr().out
    metrics = json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]
    assert metrics["2-gram"] < metrics["1-gram"] < np.log(12)


def test_a_resumed_run_is_bit_identical(command, tmp_path):
    flags = "--eval-every 4 --checkpoint-every 3 --dropout-rate 0.3 --num-updates"
    assert command(f"{flags} 10", "whole") == DONE
    assert command(f"{flags} 6", "parts") == DONE
    assert resume(tmp_path / "parts", "--num-updates 10") == DONE
    whole, parts = updates_of(tmp_path / "whole"), updates_of(tmp_path / "parts")
    # the shorter run evaluated at its own end too
    extra = [line for line in parts if line not in whole]
    assert [line["update"] for line in extra] in ([], [6])
    assert [line for line in parts if line not in extra] == whole
    for name in ("00000004", "00000008", "00000010"):
        a, b = (
            tmp_path / run / "samples" / f"{name}.txt" for run in ("whole", "parts")
        )
        assert a.read_bytes() == b.read_bytes()


def test_a_trained_model_is_sampled(trained, capsys):
    assert resume(trained, "--sample 12 --temperature 0 --prompt cat") == DONE
    printed = capsys.readouterr().out
    assert printed.startswith("cat") and len(printed) == 3 + 12 + 1


@pytest.mark.parametrize(
    "flags, message",
    [
        ("--prompt caté", "the model has seen, got 'é' at position 3"),
        ("--batch-size 400", "the training text must have at least 2,400 tokens"),
        ("--dropout-rate 1", "rate must be from 0 to less than 1, got 1.0"),
        ("--tie-weights", "embedding_size must be given to tie the weights"),
    ],
)
def test_bad_input_is_one_line_and_costs_no_training(
    command, tmp_path, capsys, flags, message
):
    assert command(flags) == BAD_INPUT
    printed = capsys.readouterr()
    assert message in printed.err and "compiling" not in printed.out
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "flag, bounds",
    [
        ("hidden-size", "at least 1, got 0"),
        ("num-layers", "at least 1, got 0"),
        ("batch-size", "at least 1, got 0"),
        ("num-steps", "at least 1, got 0"),
        ("num-updates", "at least 1, got 0"),
        ("train-fraction", "between 0 and 1, got 0.0"),
    ],
)
def test_values_out_of_range_are_refused(command, capsys, flag, bounds):
    with pytest.raises(SystemExit) as exit_info:
        command(f"--{flag} 0")
    assert exit_info.value.code == BAD_INPUT
    message = f"{flag.replace('-', '_')} must be {bounds}"
    assert message in capsys.readouterr().err


def test_an_empty_text_and_one_in_another_encoding(command, text_path, capsys):
    text_path.write_bytes(b"")
    assert command() == BAD_INPUT
    assert f"{text_path}: the file must hold a text" in capsys.readouterr().err
    text_path.write_bytes(b"abc\xff")
    assert command() == BAD_INPUT
    message = f"{text_path}, byte 3: the file must be utf-8, got byte 0xff"
    assert message in capsys.readouterr().err


def test_a_resume_with_another_text_or_configuration_says_what_differs(
    command, tmp_path, text_path, capsys
):
    assert command("--num-updates 3") == DONE
    assert resume(tmp_path / "run", "--hidden-size 7 --cell gru") == BAD_INPUT
    printed = capsys.readouterr().err
    assert "hidden_size: 6 in the run, 7 asked for" in printed
    assert "cell: lstm in the run, gru asked for" in printed
    text_path.write_text(text_path.read_text().replace("cat", "dog"))
    assert resume(tmp_path / "run", "--num-updates 4") == BAD_INPUT
    assert "must be what" in capsys.readouterr().err


def test_a_missing_data_set_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("experiments.data.lookup._cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("RNNJAX_DATA_DIR", raising=False)
    arguments = ["--dataset", "ptb", "--run-dir", str(tmp_path / "run")]
    status = run_command(char_lm.train, char_lm.Config, {}, None, arguments)
    assert status == NO_DATA
    message = capsys.readouterr().err
    for part in (
        "ptb.train.txt",
        str(tmp_path / "cache"),
        "fetch ptb",
        "LDC",
        "SHA-256",
    ):
        assert part in message


def test_parameters_and_vocabulary_of_another_run_are_kept(
    command, trained, tmp_path, text_path, capsys
):
    """The text lacks symbols of the run, so its own vocabulary would be smaller."""
    text_path.write_text("the cat sat on the mat\n" * 60)
    flags = "--num-updates 1 --learning-rate 0 --max-norm None"
    assert command(f"--init-from {trained} {flags}") == DONE
    first, last = load(tmp_path / "run"), load(trained)
    assert first.vocabulary == last.vocabulary
    text_path.write_text("the dog\n" * 60)
    capsys.readouterr()
    assert command(f"--init-from {trained} {flags}", "other") == BAD_INPUT
    assert "got 'd' at position 4" in capsys.readouterr().err
    pairs = zip(*(jax.tree.leaves(nnx.state(t.module)) for t in (first, last)))
    for got, expected in pairs:
        np.testing.assert_array_equal(got, expected)


def test_lines_are_scored(trained, capsys, tmp_path):
    """Nats per symbol, the line's end included, by a loop over the functional layer."""
    module, _, vocabulary = load(trained)
    params, carry, nats = nnx.as_pure(module.params), None, []
    carry = module.layer.initial_carry(params)
    tokens = vocabulary.encode("\nthe cat\n")
    for token, target in zip(tokens, tokens[1:]):
        carry, logits = module.layer.step(params, carry, jax.numpy.asarray(token))
        nats.append(float(jax.nn.logsumexp(logits) - logits[target]))
    path = tmp_path / "lines.txt"
    path.write_text("the cat\nzebra\nthe mat\n")
    status = answering.main([str(trained), "--input", str(path), "--format", "jsonl"])
    assert status == BAD_INPUT
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

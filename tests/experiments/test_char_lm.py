"""The character language model, as a person runs it, at a tiny size."""

import json
import math

import jax
import numpy as np
import pytest

from experiments import char_lm
from experiments.harness.command import BAD_INPUT, DONE, NO_DATA, run_command

TINY = "--hidden-size 6 --num-steps 5 --batch-size 3 --sample-length 9 --ngram-order 2"


@pytest.fixture
def text_path(tmp_path):
    rng = np.random.default_rng(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "\n"]
    path = tmp_path / "text.txt"
    path.write_text(" ".join(rng.choice(words, 300)), encoding="utf-8")
    return path


@pytest.fixture
def command(tmp_path, text_path):
    """Runs the command on the text, with more flags, in tmp_path / name."""

    def run(flags="", name="run", tiny=TINY):
        arguments = f"{tiny} --data-path {text_path} {flags}".split()
        arguments += ["--run-dir", str(tmp_path / name)]
        return run_command(
            char_lm.train, char_lm.Config, char_lm.PRESETS, char_lm.sample, arguments
        )

    return run


def resume(directory, flags=""):
    return run_command(
        char_lm.train,
        char_lm.Config,
        char_lm.PRESETS,
        char_lm.sample,
        f"--resume {directory} {flags}".split(),
    )


def updates_of(directory):
    """The metrics of a run, but for those that depend on the clock."""
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "wall": None} for line in lines]


@pytest.mark.parametrize(
    "model, num_weights",
    [
        ("elman", 11 * 6 + 6 * 6 + 6),
        ("lstm", 4 * (11 * 6 + 6 * 6 + 6)),
        ("gru", 3 * (11 * 6 + 6 * 6 + 6) + 6),
        ("window_mlp", 16 * 11 * 6 + 6),
    ],
)
def test_every_model_has_the_weights_of_its_equations(model, num_weights):
    config = char_lm.Config(model=model, hidden_size=6)
    layer = char_lm.make_layer(config, 11)
    shapes = jax.eval_shape(lambda key: layer.init(key, 11), jax.random.key(0))
    sizes = [math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes)]
    assert sum(sizes) == num_weights + 6 * 11 + 11


@pytest.mark.parametrize("model", ["lstm", "window_mlp"])
def test_a_network_learns(command, tmp_path, model):
    flags = f"--model {model} --num-updates 40 --eval-every 20 --learning-rate 0.03"
    assert command(flags) == DONE
    losses = [line["loss"] for line in updates_of(tmp_path / "run") if "loss" in line]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    assert (tmp_path / "run" / "plots" / "learning_curve.png").stat().st_size > 10_000
    sample = (tmp_path / "run" / "samples" / "00000040.txt").read_text()
    assert len(sample) == 1 + 9 and sample[0] == "\n"


def test_ngrams_are_judged_by_the_same_measure(command, tmp_path, capsys):
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


def test_a_trained_model_is_sampled(command, tmp_path, capsys):
    assert command("--num-updates 3 --eval-every 3") == DONE
    capsys.readouterr()
    assert resume(tmp_path / "run", "--sample 12 --temperature 0 --prompt cat") == DONE
    printed = capsys.readouterr().out
    assert printed.startswith("cat") and len(printed) == 3 + 12 + 1


@pytest.mark.parametrize(
    "flags, message",
    [
        ("--prompt caté", "the model has seen, got 'é' at position 3"),
        ("--batch-size 400", "tokens must number at least 2,400"),
        ("--dropout-rate 1", "rate must be from 0 to less than 1, got 1.0"),
        ("--train-fraction 1", "train_fraction must leave symbols on both sides"),
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
    "flag", ["hidden-size", "num-layers", "batch-size", "num-steps", "num-updates"]
)
def test_sizes_of_zero_or_less_are_refused(command, capsys, flag):
    with pytest.raises(SystemExit) as exit_info:
        command(f"--{flag} 0")
    assert exit_info.value.code == BAD_INPUT
    message = f"{flag.replace('-', '_')} must be at least 1, got 0"
    assert message in capsys.readouterr().err


def test_an_empty_text_and_one_that_is_not_utf_8(command, text_path, capsys):
    text_path.write_bytes(b"")
    assert command() == BAD_INPUT
    assert f"{text_path} must hold a text, got an empty file" in capsys.readouterr().err
    text_path.write_bytes(b"abc\xff")
    assert command() == BAD_INPUT
    assert f"{text_path} must be UTF-8, got byte 0xff at offset 3" in (
        capsys.readouterr().err
    )


def test_a_resume_with_another_text_or_configuration_says_what_differs(
    command, tmp_path, text_path, capsys
):
    assert command("--num-updates 3") == DONE
    assert resume(tmp_path / "run", "--hidden-size 7 --model gru") == BAD_INPUT
    printed = capsys.readouterr().err
    assert "hidden_size: 6 in the run, 7 asked for" in printed
    assert "model: lstm in the run, gru asked for" in printed
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


def test_characters_of_a_third_part_are_judged_at_the_end(tmp_path, monkeypatch):
    directory = tmp_path / "data"
    directory.mkdir()
    monkeypatch.setattr(
        char_lm,
        "load",
        lambda config: char_lm.load_characters(
            "x", tmp_path / "t.txt", None, train_fraction=0.5
        )._replace(test=np.zeros(11, np.int32)),
    )
    (tmp_path / "t.txt").write_text("to be or not to be " * 9)
    arguments = f"{TINY} --num-updates 2 --run-dir {tmp_path / 'run'}".split()
    assert run_command(char_lm.train, char_lm.Config, {}, None, arguments) == DONE
    metrics = json.loads((tmp_path / "run" / "results.json").read_text())["metrics"]
    assert metrics["test_bits"] == pytest.approx(metrics["test_loss"] / np.log(2))

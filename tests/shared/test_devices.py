"""A batch over two devices trains as on one; what cannot be shared is refused."""

import json

import numpy as np
import pytest

from experiments import char_lm
from experiments.harness.command import run_command
from experiments.shared.devices import default_num_devices, start_devices

FLAGS = (
    "--hidden-size 6 --num-steps 5 --batch-size 4 --sample-length 9 --ngram-order 2 "
    "--eval-every 4 --checkpoint-every 2"
)


def run(*arguments):
    experiment = (char_lm.train, char_lm.Config, char_lm.PRESETS, char_lm.sample)
    assert run_command(*experiment, [str(argument) for argument in arguments]) == 0


def metrics_of(directory):
    lines = map(json.loads, (directory / "metrics.jsonl").read_text().splitlines())
    return [{**line, "wall": None} for line in lines if "grad_norm" in line]


def test_two_devices_train_as_one_and_resume_to_the_bit(tmp_path):
    text = tmp_path / "text.txt"
    letters = np.random.default_rng(0).choice(list("abcd \n"), 600)
    text.write_text("".join(letters), encoding="utf-8")
    runs = {"one": (1, 4), "two": (2, 4), "short": (2, 2)}
    for name, (num_devices, num_updates) in runs.items():
        given = (*FLAGS.split(), "--data-path", text, "--run-dir", tmp_path / name)
        run(*given, "--num-devices", num_devices, "--num-updates", num_updates)
    run("--resume", tmp_path / "short", "--num-updates", 4)
    config = json.loads((tmp_path / "two" / "config.json").read_text())
    assert config["num_devices"] == 2
    one, two, short = (metrics_of(tmp_path / name) for name in runs)
    assert short == two
    for name in ("loss", "grad_norm"):
        expected = [x[name] for x in one]
        np.testing.assert_allclose([x[name] for x in two], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("number", "batch_size", "message"),
    [
        (3, 4, "num_devices must divide batch_size, one of 1, 2, 4 for 4, got 3."),
        (5, 10, "num_devices must be at most 4, the cpu devices there are, got 5."),
    ],
)
def test_bad_numbers_are_refused(number, batch_size, message):
    with pytest.raises(ValueError, match=message):
        start_devices(number, batch_size, 6)


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("cpu", 2, 64, 128), 2),
        (("cpu", 2, 64, 512), 2),
        (("cpu", 2, 64, 513), 1),
        (("cpu", 2, 64, 64), 1),
        (("cpu", 2, 4, 512), 1),
        (("cpu", 1, 64, 128), 1),
        (("cpu", 2, 33, 256), 1),
        (("gpu", 4, 6, 5), 3),
    ],
)
def test_the_rule(arguments, number):
    assert default_num_devices(*arguments) == number

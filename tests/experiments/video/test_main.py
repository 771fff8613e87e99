"""The experiment, as a person runs it, at a tiny size, on folders of PNG frames."""

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image
from scipy.special import expit

import experiments.video.__main__ as video
from experiments.data.frames import read_clip
from experiments.harness.command import BAD_INPUT, DONE
from experiments.shared.trained import load
from experiments.shared.training import num_weights
from experiments.video.answers import make_reply
from experiments.video.forecasts import frame_nats
from tests.experiments.running import plots_of, results_of, run

RUN = "--num-updates 30 --eval-every 15 --batch-size 4 --learning-rate 0.03"
HEIGHT, WIDTH = 6, 8


def write_clip(folder, frames):
    folder.mkdir(parents=True)
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"{t}.png")


def write_clips(path, rng):
    """Writes bars that move down or right, for 5 frames."""
    for label, axis in (("down", 0), ("right", 1)):
        for number in range(20):
            start, length = rng.integers(3), 5
            frames = np.zeros((length, HEIGHT, WIDTH), np.uint8)
            for t in range(length):
                place = [slice(None)] * 2
                place[axis] = slice((start + t) % 6, (start + t) % 6 + 1)
                frames[t][tuple(place)] = 255
            write_clip(path / label / str(number), frames)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips")
    write_clips(path, np.random.default_rng(0))
    return path


def test_a_folder_per_class_is_learned_and_used(clips, tmp_path, capsys):
    flags = f"--task classify --data-path {clips} --run-dir {tmp_path / 'run'}"
    assert run(video, f"{flags} {RUN} --hidden-size 5") == DONE
    metrics = results_of(tmp_path / "run")["metrics"]
    assert metrics["test_accuracy"] > 0.9
    assert plots_of(tmp_path / "run") == {"learning_curve", "confusions"}
    printed = capsys.readouterr().out
    assert "most frequent label: test_accuracy" in printed
    (tmp_path / "lines").write_text(f"{clips / 'down' / '3'}\n{tmp_path}\n")
    flags = f"--resume {tmp_path / 'run'} --predict --input {tmp_path / 'lines'}"
    assert run(video, f"{flags} --probabilities") == BAD_INPUT  # for the second line
    first, second = capsys.readouterr().out.splitlines()
    label, *probabilities = first.split()
    assert label == "down" and "error: line 2: " in second
    values = dict(entry.split("=") for entry in probabilities)
    assert float(values["down"]) > 0.5
    assert sum(map(float, values.values())) == pytest.approx(1, abs=1e-3)
    write_clip(tmp_path / "wide", np.zeros((2, HEIGHT, WIDTH + 1), np.uint8))
    with pytest.raises(ValueError, match="must be 8 x 6 pixels, .* got 9 x 6"):
        make_reply(load(tmp_path / "run"))(str(tmp_path / "wide"))


def test_next_frames_are_learned_and_written(clips, tmp_path, capsys):
    flags = f"--data-path {clips} --run-dir {tmp_path / 'run'} --window 2 --horizon 2"
    tiny = "--channels 3 --num-layers 1"
    assert run(video, f"{flags} {RUN} {tiny}") == DONE
    metrics = results_of(tmp_path / "run")["metrics"]
    assert metrics["test_loss"] < 16  # copies of the last frame: above 20
    np.testing.assert_allclose(
        np.mean(metrics["test_loss_by_horizon"]), metrics["test_loss"]
    )
    plots = {"learning_curve", "forecast", "loss_by_horizon"}
    assert plots_of(tmp_path / "run") == plots
    printed = capsys.readouterr().out
    assert "test, last frame: " in printed and "test, constant velocity" in printed
    with Image.open(tmp_path / "run" / "samples" / "00000030.gif") as animation:
        assert getattr(animation, "n_frames", 1) == 4

    trained = load(tmp_path / "run")
    write_clip(tmp_path / "new", read_clip(clips / "right" / "4"))
    reply = make_reply(trained)
    answer = reply(str(tmp_path / "new"))
    assert answer.text == str(tmp_path / "new_forecast")
    found = read_clip(tmp_path / "new_forecast")
    last = read_clip(tmp_path / "new")[None, -2:] / 255
    expected = expit(np.asarray(trained.module(last, 2)))[0, -2:]
    np.testing.assert_allclose(found / 255, expected, atol=0.6 / 255)
    with pytest.raises(ValueError, match="new_forecast: the folder .* must not exist"):
        reply(str(tmp_path / "new"))
    write_clip(tmp_path / "short", np.zeros((1, HEIGHT, WIDTH), np.uint8))
    with pytest.raises(ValueError, match="short: the clip must have at least 2 frames"):
        reply(str(tmp_path / "short"))


@pytest.mark.parametrize("num_layers", [1, 3])
def test_equal_weights_are_counted_as_they_are(num_layers):
    options = {"num_layers": num_layers, "channels": 5, "patch_size": 2}
    symbols = video.Symbols(HEIGHT, WIDTH, 0.5, ())

    def count(**others):
        config = video.Config(**options, **others)

        def params():
            return nnx.as_pure(
                nnx.state(video.make_model(config, symbols, nnx.Rngs(0)))
            )

        return num_weights(jax.eval_shape(params))

    width = video.equal_width(video.Config(**options), (HEIGHT, WIDTH))
    most, least = (count(model="lstm", hidden_size=w) for w in (width, width - 1))
    assert count(model="lstm") == most >= count() > least


def test_cross_entropy_of_pixels():
    p, y = np.array([[0.2, 0.9]]), np.array([[1.0, 0.5]])
    expected = -np.log(0.2) - 0.5 * np.log(0.9 * 0.1)
    found = frame_nats(np.log(p / (1 - p)), y)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--test-path b", "test_path needs validation_path"),
        ("--data-path nowhere", "nowhere: clips must be in a folder"),
        ("--data-path {clips}", "must have at least 20 frames, window and horizon"),
        ("--data-path {clips} --window 2 --horizon 1 --patch-size 4", "8 x 6 pixels"),
        ("--data-path {clips}/down --task classify", "a class must have a folder per"),
        ("--dataset cats", "invalid choice"),
    ],
)
def test_bad_flags(clips, tmp_path, capsys, flags, message):
    flags = flags.format(clips=clips)
    assert run(video, f"{flags} --run-dir {tmp_path / 'run'}") == BAD_INPUT
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in printed and not (tmp_path / "run").exists()

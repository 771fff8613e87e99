"""The experiment, as a person runs it, at a tiny size, on a folder of images."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image

import experiments.captioning.__main__ as captioning
from experiments.harness.command import BAD_INPUT, DONE
from experiments.shared.best import keep_best
from tests.experiments.running import plots_of, results_of, run, updates_of

COLORS = {"red": (220, 30, 30), "blue": (30, 30, 220)}
TINY = (
    "--channels 4 --hidden-size 6 --embedding-size 4 --batch-size 8 --image-size 20 "
    "--num-updates 40 --eval-every 20 --learning-rate 0.03 --dropout-rate 0 "
    "--num-devices 1 --beam-size 1"
)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Squares of two colors, with two captions each."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    lines = []
    for i in range(60):
        name = list(COLORS)[i // 2 % 2]
        image = np.array(COLORS[name]) + rng.integers(-20, 20, (20, 20, 3))
        Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / f"{i}.png")
        lines += [f"{i}.png\tThis is {name} .", f"{i}.png\tThis is {name}"]
    (folder / "captions.txt").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs") / "run"
    flags = f"--data-path {images} --run-dir {directory} {TINY}"
    assert run(captioning, flags) == DONE
    return directory


def test_what_an_image_shows_is_learned(trained):
    metrics = results_of(trained)["metrics"]
    assert metrics["test_exact"] == 1
    assert metrics["test_loss"] < 0.1 < metrics["test_shuffled_loss"]
    assert metrics["test_perplexity"] == pytest.approx(np.exp(metrics["test_loss"]))
    assert metrics["test_bleu1"] == pytest.approx(100)
    assert plots_of(trained) == {"learning_curve", "captions", "attention"}
    sample = (trained / "samples" / "00000040_test.txt").read_text()
    assert "true:    this is red" in sample and "written: this is blue" in sample


def test_new_images_are_described(trained, tmp_path, capsys):
    Image.new("RGB", (30, 17), COLORS["blue"]).save(tmp_path / "new.jpg")
    (tmp_path / "bad.png").write_bytes(b"no image")
    flags = f"--resume {trained} --caption {tmp_path}/new.jpg {tmp_path}/bad.png"
    flags += " --beam-size 3 --num-best 2 --format jsonl"
    assert run(captioning, flags) == BAD_INPUT  # for the second image
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    texts = [found["text"] for found in first["captions"]]
    scores = [found["score"] for found in first["captions"]]
    assert texts[0] == "this is blue" and len(set(texts)) == 2
    assert scores[0] > scores[1]
    assert "bad.png: a picture must be a PNG or JPEG image" in second["error"]
    (tmp_path / "names").write_text(f"{tmp_path}/new.jpg\n")
    flags = f"--resume {trained} --caption --input {tmp_path}/names --beam-size 3"
    assert run(captioning, f"{flags} --num-best 2") == DONE
    assert capsys.readouterr().out == "\t".join(texts) + "\n"


def test_without_an_image_the_best_parameters_are_tested(images, tmp_path, monkeypatch):
    """Test images are copies of those of validation; what is kept is damaged later."""

    def keep_and_damage(state, score, *, patience):
        kept = keep_best(state, score, patience=patience)
        return kept._replace(params=jax.tree.map(lambda x: 30 * x, kept.params))

    monkeypatch.setattr(captioning, "keep_best", keep_and_damage)
    lines = (images / "captions.txt").read_text().splitlines()
    for i in range(60):
        content = (images / f"{i}.png").read_bytes()
        (tmp_path / f"{i}.png").write_bytes(content)
        if i >= 40:
            (tmp_path / f"t{i}.png").write_bytes(content)
    parts = {"a": lines[:80], "b": lines[80:], "c": ["t" + own for own in lines[80:]]}
    for name, own in parts.items():
        (tmp_path / name).write_text("\n".join(own))
    flags = f"--data-path {tmp_path} --captions-path {tmp_path}/a"
    flags += f" --validation-captions-path {tmp_path}/b --test-captions-path"
    flags += f" {tmp_path}/c --run-dir {tmp_path / 'run'} {TINY} --image every"
    flags += " --control no_image --num-updates 20 --eval-every 10"
    assert run(captioning, flags) == DONE
    metrics = results_of(tmp_path / "run")["metrics"]
    assert metrics["test_loss"] > np.log(2) / 4 * 0.8  # the color of four words
    assert metrics["test_shuffled_loss"] == metrics["test_loss"]
    assert plots_of(tmp_path / "run") == {"learning_curve", "captions"}
    rows = updates_of(tmp_path / "run")
    losses = [row["validation_loss"] for row in rows if "validation_loss" in row]
    assert len(losses) == 2 and losses[1] > 2 * losses[0]
    assert metrics["test_loss"] == pytest.approx(losses[0], rel=1e-5)


def test_words_are_read_as_unknown_at_the_rate_of_their_dropout(images):
    config = captioning.Config(
        data_path=images,
        image_size=20,
        control="no_image",
        image="first",
        hidden_size=3,
        embedding_size=2,
        num_devices=1,
    )
    losses = []
    for rate in (0.0, 1.0):
        prepared = captioning.prepare(
            dataclasses.replace(config, word_dropout_rate=rate)
        )
        params, batch = nnx.as_pure(nnx.state(prepared.module)), prepared.batch(0)
        unknown = batch._replace(inputs=np.zeros_like(batch.inputs))
        loss = jax.jit(prepared.loss)
        losses += [float(loss(params, x, jax.random.key(0))) for x in (batch, unknown)]
    assert losses[0] != losses[1]
    assert losses[2] == losses[3] == losses[1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--captions-path a", "captions_path needs data_path"),
        ("--test-captions-path a", "test_captions_path needs validation_captions_path"),
        ("--data-path nowhere", "nowhere: images must be in a folder"),
        ("--image-size 19", "image_size must be at least 20, got 19"),
        ("--cell lstn", "cell must be"),
        ("--image all", "invalid choice"),
        ("--data-path {images} --captions-path {images}/1.png", "the file must be utf"),
    ],
)
def test_bad_flags(images, tmp_path, capsys, flags, message):
    flags = flags.format(images=images)
    assert run(captioning, f"{flags} --run-dir {tmp_path / 'run'}") == BAD_INPUT
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in printed and not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--num-best 2 --beam-size 1", "num_best must be from 1 to beam_size 1, got 2"),
        ("a.png --input b", "input must not be given with images"),
    ],
)
def test_bad_flags_of_use(trained, capsys, flags, message):
    assert run(captioning, f"--resume {trained} --caption {flags}") == BAD_INPUT
    printed = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert message in printed

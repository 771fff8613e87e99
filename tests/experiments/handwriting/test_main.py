"""Handwriting as a person runs it, at a tiny size: trained, written with, refused."""

import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx
from PIL import Image

from experiments.data.strokes import Drawing
from experiments.data.strokes_json import write_json_strokes
from experiments.handwriting import __main__ as experiment
from experiments.handwriting import writing
from experiments.handwriting.loading import make_symbols
from experiments.handwriting.writing import Written
from experiments.harness.command import BAD_INPUT, DONE
from experiments.harness.initial import read_params
from experiments.shared.trained import Trained, load
from experiments.shared.training import num_weights
from tests.experiments.running import plots_of, results_of, run, updates_of

TINY = "--hidden-size 5 --num-mixture 2 --batch-size 16 --num-updates 2 --eval-every 1"


def zigzags(number, texts="abc de"):
    """Makes drawings whose strokes go up and down, on a grid, with texts.

    They have equally many points, so that programs are compiled for one shape.
    """
    rng = np.random.default_rng(0)
    drawings = []
    for i in range(number):
        text = "".join(rng.permutation(list(texts))).strip()
        length = 9
        x, y = np.arange(length), rng.integers(-3, 4, length)
        stroke = np.stack([x, y], axis=1).astype(float)
        drawings.append(Drawing([stroke, stroke[:1] + 20.0], text, f"{text} {i}"))
    return drawings


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run that is told texts, and a file with a prime."""
    directory = tmp_path_factory.mktemp("told")
    path = directory / "own.jsonl"
    path.write_text(write_json_strokes(zigzags(80)))
    flags = f"{TINY} --condition text --data-path {path} --bias 2"
    assert run(experiment, f"{flags} --run-dir {directory / 'run'}") == DONE
    prime = directory / "prime.jsonl"
    prime.write_text(write_json_strokes(zigzags(1)))
    return directory


def test_a_run_is_told_texts_and_draws_them(trained):
    metrics = results_of(trained / "run")["metrics"]
    assert np.isfinite([metrics["validation_loss"], metrics["test_loss"]]).all()
    assert metrics["test_loss"] != metrics["validation_loss"]  # of other drawings
    shown = {"learning_curve", "lines", "densities", "window"}
    assert plots_of(trained / "run") == shown
    symbols = json.loads((trained / "run" / "symbols.json").read_text())
    assert "".join(symbols["characters"]["symbols"]) == " abcde"
    assert min(symbols["noise"]) > 0  # whole numbers are on a grid
    for sample in (trained / "run" / "samples").glob("*.svg"):
        assert ElementTree.parse(sample).getroot().tag.endswith("svg")


def test_the_parameters_with_the_least_loss_are_kept(trained):
    losses = [line.get("validation_loss") for line in updates_of(trained / "run")]
    first, last = (loss for loss in losses if loss is not None)
    assert last < first
    module, _, _ = load(trained / "run")  # the best parameters
    params = nnx.as_pure(nnx.state(module))
    jax.tree.map(
        np.testing.assert_array_equal, read_params(trained / "run", params), params
    )


def test_a_text_is_written_in_the_style_of_a_prime(trained, capsys):
    flags = f"ab --bias 3 --seed 4 --prime {trained / 'prime.jsonl'}"
    assert run(experiment, f"--resume {trained / 'run'} --write {flags}") == DONE
    svg, png = capsys.readouterr().out.splitlines()[-2:]
    assert svg.endswith("run/written/4.svg") and png.endswith("run/written/4.png")
    assert re.search(r'<path d="M[-0-9.]+ [-0-9.]+L', Path(svg).read_text())
    with Image.open(png) as picture:
        assert picture.size[1] == 100


@pytest.mark.parametrize(
    ("flags", "prime", "message"),
    [
        ("", None, "the text to write must not be empty"),
        ("é", None, "the run has never seen 'é' in a text"),
        ("a --bias -1", None, "bias must be at least 0, got -1.0"),
        ("a --prime nowhere", None, "nowhere: there is no such file"),
        ("a", "", "p.jsonl: the file must hold a text"),
        (
            "a",
            '{"strokes": [[[0, 0], [1, 1]]]}',
            "p.jsonl, line 1: a prime must have its text, got none",
        ),
        (
            "a",
            '{"text": "xa", "strokes": [[[0, 0], [1, 1]]]}',
            "p.jsonl, line 1: the run has never seen 'x' in a text",
        ),
        (
            "a",
            '{"text": "a", "strokes": [[[0, 0], [1, 1]]]}\n' * 2,
            "p.jsonl: a prime must be one line, got 2",
        ),
        ("a", '{"text": "a", "strokes": []}', "p.jsonl, line 1: a drawing must have"),
    ],
)
def test_texts_and_primes_that_cannot_be_written(
    trained, tmp_path, capsys, flags, prime, message
):
    if prime is not None:
        path = tmp_path / "p.jsonl"
        path.write_text(prime)
        flags = f"{flags} --prime {path}"
    status = run(experiment, f"--resume {trained / 'run'} --write {flags}")
    assert status == BAD_INPUT
    assert message in capsys.readouterr().err


def test_without_texts_a_run_draws(tmp_path, capsys):
    path = tmp_path / "own.jsonl"
    drawings = [own._replace(text=None) for own in zigzags(80)]
    path.write_text(write_json_strokes(drawings))
    directory = tmp_path / "run"
    flags = f"{TINY} --data-path {path} --deslant --unit-size --model window"
    assert run(experiment, f"{flags} --run-dir {directory}") == DONE
    assert plots_of(directory) == {"learning_curve", "lines", "densities"}
    symbols = json.loads((directory / "symbols.json").read_text())
    assert symbols["characters"] is None and symbols["noise"] == [0, 0]
    assert run(experiment, f"--resume {directory} --write abc") == BAD_INPUT
    assert "the run is told no text: train one with" in capsys.readouterr().err


@pytest.mark.parametrize("has_text", [True, False])
def test_flags_of_writing(tmp_path, monkeypatch, capsys, has_text):
    """What is asked for is handed on, the prime with as many points as the data."""
    asked = []

    def make_write(module, symbols):
        assert (module, symbols.longest) == ("module", 10)

        def write(params, texts, seed, *, bias, primes):
            asked.append((texts, seed, bias, primes))
            return [Written([np.eye(2)], np.zeros((2, 3)), None, "", has_text)]

        return write

    monkeypatch.setattr(writing, "make_write", make_write)
    monkeypatch.setattr(nnx, "state", lambda module: {})
    symbols = make_symbols(zigzags(5), 1.0, has_text)
    config = experiment.Config(keep_every=3)
    trained = Trained("module", config, symbols)
    (prime,) = zigzags(1)
    (tmp_path / "prime.jsonl").write_text(write_json_strokes([prime]))
    flags = writing.WriteFlags(
        text="ab" if has_text else "",
        bias=0.5,
        seed=3,
        prime=tmp_path / "prime.jsonl",
        output=tmp_path / "x" / "y.z",
    )
    paths = writing.write_files(tmp_path, trained, flags)
    assert paths == [tmp_path / "x" / "y.z.svg", tmp_path / "x" / "y.z.png"]
    assert all(path.stat().st_size for path in paths)
    ((texts, seed, bias, (given,)),) = asked
    assert (texts, seed, bias) == ([flags.text], 3, 0.5)
    assert given.text == prime.text
    kept = [prime.strokes[0][[0, 3, 6, 8]], prime.strokes[1]]
    assert [s.tolist() for s in given.strokes] == [s.tolist() for s in kept]
    warned = "was not reached" in capsys.readouterr().out
    assert warned == (not has_text)


@pytest.mark.parametrize("num_layers", [1, 3])
def test_the_window_has_as_many_weights(num_layers):
    symbols = make_symbols(zigzags(5), 1.0, has_text=False)
    counts = []
    for model in ("lstm", "window"):
        config = experiment.Config(model=model, hidden_size=40, num_layers=num_layers)
        module = nnx.eval_shape(
            lambda config=config: experiment.make_model(config, symbols, nnx.Rngs(0))
        )
        counts.append(num_weights(nnx.state(module)))
    assert counts[1] == pytest.approx(counts[0], rel=0.005)

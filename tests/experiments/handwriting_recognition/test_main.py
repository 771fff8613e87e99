"""Made lines, frames of a pen, and the command at a tiny size."""

import json

import jax
import numpy as np
import pytest

from experiments.data.splits import part_of_line
from experiments.data.stroke_fonts import Style, write_text
from experiments.data.stroke_frames import frames_of
from experiments.data.stroke_style import lean
from experiments.data.strokes import Drawing
from experiments.data.strokes_json import write_json_strokes
from experiments.data.text import pydoc_topics
from experiments.handwriting_recognition import __main__ as experiment
from experiments.handwriting_recognition import use
from experiments.handwriting_recognition.loading import InkFlags, frame_options
from experiments.handwriting_recognition.made import LONGEST, made_lines
from experiments.harness.command import BAD_INPUT, DONE
from rnnjax import dense, one_hot, stack
from rnnjax.decoding import LanguageModel
from tests.experiments.running import plots_of, results_of, run

NUM_DRAWINGS = 32
TINY = f"--hidden-size 6 --batch-size {NUM_DRAWINGS} --num-updates 2 --eval-every 2"


def ink(number=NUM_DRAWINGS):
    """Drawings of words of the same letters.

    So all parts know all letters, and programs are compiled for one shape.
    """
    rng = np.random.default_rng(0)
    letters = [rng.permutation(list("aaettte")) for _ in range(number)]
    texts = [f"{''.join(own[:4])} {''.join(own[4:])}" for own in letters]
    return [write_text(text, "rowmans", Style(jitter=0), rng) for text in texts]


def test_lines_are_sentences_of_their_own_part_of_the_text():
    parts = made_lines(0, (30, 10, 12))
    assert tuple(map(len, parts)) == (30, 10, 12)
    text = " ".join(pydoc_topics().split())
    begin = int(len(text) * 0.9)
    for drawings, own in zip(parts, (text, text[begin - 2000 :], text[begin - 2000 :])):
        for drawing in drawings:
            assert drawing.text in own and len(drawing.text) <= LONGEST
            assert " " in drawing.text
    again = made_lines(0, (30, 10, 12))[2][3]
    np.testing.assert_array_equal(again.strokes[0], parts[2][3].strokes[0])


def test_frames_do_not_depend_on_place_size_and_slant():
    strokes = made_lines(1, (1, 1, 1))[0][0].strokes
    flags = InkFlags()
    frames = frames_of(strokes, **frame_options(flags))
    others = [7 * stroke + (30, -5) for stroke in lean(strokes, 0.4)]
    found = frames_of(others, **frame_options(flags))
    assert abs(len(found) - len(frames)) <= 2
    if len(found) == len(frames):
        np.testing.assert_allclose(found, frames, atol=0.2)
    assert frames[:, 2].sum() == len(strokes)
    ways = np.hypot(frames[1:, 0], frames[1:, 1])
    assert (ways[frames[:-1, 2] == 0] <= flags.spacing + 1e-5).all()


def test_heights_and_ways_of_an_angle():
    """Up 2 and right 1, a size of 2: the way up is 1 in heights of the writing."""
    stroke = np.array([[0.0, 2.0], [0.0, 0.0], [1.0, 0.0]])
    frames = frames_of([stroke], spacing=0.5, unit_size=True, deslant=False)
    np.testing.assert_allclose(frames[:, 0], [0, 0, 0, 0.5], atol=1e-6)
    np.testing.assert_allclose(frames[:, 1], [0, -0.5, -0.5, 0], atol=1e-6)
    np.testing.assert_allclose(np.diff(frames[:, 3]), [0.5, 0.5, 0], atol=1e-6)
    assert frames[:, 2].tolist() == [0, 0, 0, 1]


def table_model(directory, symbols):
    """A language model without a memory, in the place of a run of `char_lm`."""
    assert directory.name == "lm"
    size = len(symbols.vocabulary)
    layer = stack(one_hot(size), dense(size, use_bias=False))
    logits = jax.random.normal(jax.random.key(0), (size, size))
    return LanguageModel(layer, ({}, {"kernel": 9 * logits}), start=0, end=0)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A file of drawings, and a recognizer that was weighed by a language model."""
    path = tmp_path_factory.mktemp("ink")
    (path / "ink.jsonl").write_text(write_json_strokes(ink()))
    flags = f"{TINY} --data-path {path / 'ink.jsonl'} --run-dir {path / 'run'}"
    flags += f" --beam-size 3 --language-model {path / 'lm'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "load_language_model", table_model)
        assert run(experiment, flags) == DONE
    return path


def test_a_run_measures_beam_and_language_model(runs):
    metrics = results_of(runs / "run")["metrics"]
    for name in ("test", "test_beam", "test_fused", "validation_fused"):
        assert metrics[f"{name}_error_rate"] >= 0
    assert metrics["test_fused_error_rate"] != metrics["test_beam_error_rate"]
    assert {"language_weight", "bonus"} <= metrics.keys()
    assert plots_of(runs / "run") == {"learning_curve"}


def test_drawings_are_transcribed(runs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(use, "load_language_model", table_model)
    drawings = ink(3)
    flat = Drawing([np.array([[0.0, 1.0], [2.0, 1.0]])], None, "flat")
    path = tmp_path / "new.jsonl"
    path.write_text(write_json_strokes([*drawings, flat]))
    (tmp_path / "bad.jsonl").write_text("{}\n")
    capsys.readouterr()
    flags = f"--resume {runs / 'run'} --transcribe {path} {tmp_path / 'bad.jsonl'}"
    flags += f" --format jsonl --language-model {runs / 'lm'}"
    assert run(experiment, flags) == BAD_INPUT
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sorted(line) for line in lines] == [["file", "text"]] * 3 + [
        ["error", "file"],
        ["error", "file"],
    ]
    assert "drawing 4: strokes must have a height" in lines[3]["error"]
    assert "line 1: the line must be" in lines[4]["error"]


def test_a_character_that_training_has_not(tmp_path, capsys):
    texts = ("é" * number for number in range(1, 99))
    text = next(text for text in texts if part_of_line(text) == "validation")
    drawings = [*ink(), ink(1)[0]._replace(text=text, group=text)]
    path = tmp_path / "ink.jsonl"
    path.write_text(write_json_strokes(drawings))
    flags = f"{TINY} --data-path {path} --run-dir {tmp_path / 'run'}"
    assert run(experiment, f"{flags} --skip-unalignable") == BAD_INPUT
    message = "must be of characters that the training part has, got 'é'"
    assert message in capsys.readouterr().err

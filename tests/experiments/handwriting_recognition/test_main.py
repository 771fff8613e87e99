"""Made lines, frames of a pen, and the command at a tiny size."""

import json

import numpy as np
import pytest

from experiments import char_lm
from experiments.data.stroke_fonts import Style, write_text
from experiments.data.stroke_frames import frames_of
from experiments.data.stroke_style import lean
from experiments.data.strokes import Drawing
from experiments.data.strokes_json import write_json_strokes
from experiments.data.text import pydoc_topics
from experiments.handwriting_recognition import __main__ as experiment
from experiments.handwriting_recognition.loading import InkFlags, frame_options
from experiments.handwriting_recognition.made import LONGEST, made_lines
from experiments.harness.command import BAD_INPUT, DONE
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


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A file of drawings, a language model and a recognizer that used it."""
    path = tmp_path_factory.mktemp("ink")
    drawings = ink()
    (path / "ink.jsonl").write_text(write_json_strokes(drawings))
    text = "".join(f"{drawing.text}\n" for drawing in drawings)
    (path / "text.txt").write_text(text * 3)
    flags = "--hidden-size 5 --num-updates 1 --eval-every 1 --batch-size 4"
    flags += f" --num-steps 5 --sample-length 3 --data-path {path / 'text.txt'}"
    flags += f" --run-dir {path / 'lm'}"
    assert run(char_lm, flags) == DONE
    flags = f"{TINY} --data-path {path / 'ink.jsonl'} --run-dir {path / 'run'}"
    flags += f" --beam-size 3 --language-model {path / 'lm'}"
    assert run(experiment, flags) == DONE
    return path


def test_a_run_measures_beam_and_language_model(runs):
    metrics = results_of(runs / "run")["metrics"]
    for name in ("test", "test_beam", "test_fused", "validation_fused"):
        assert metrics[f"{name}_error_rate"] >= 0
    assert {"language_weight", "bonus"} <= metrics.keys()
    assert plots_of(runs / "run") == {"learning_curve"}


def test_drawings_are_transcribed(runs, tmp_path, capsys):
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


def test_bad_input_names_its_place(runs, tmp_path, capsys):
    drawings = ink()
    path = tmp_path / "ink.jsonl"
    rest = f"{TINY} --data-path {path} --run-dir {tmp_path / 'run'}"
    unknown = [d._replace(text="zéro") if i == 5 else d for i, d in enumerate(drawings)]
    too_long = drawings[0]._replace(text="x" * 999)
    for own, message in (
        ([*drawings, too_long], "texts are too long for their frames, such as that of"),
        (drawings[:2], "there are too few drawings: none is for"),
        ([d._replace(text=None) for d in unknown], "the drawing must have its text"),
    ):
        path.write_text(write_json_strokes(own))
        assert run(experiment, rest) == BAD_INPUT
        assert message in capsys.readouterr().err
    flags = f"{TINY} --language-model {tmp_path} --run-dir {tmp_path / 'other'}"
    assert run(experiment, f"{flags} --data-path {runs / 'ink.jsonl'}") == BAD_INPUT
    assert "the directory holds no run" in capsys.readouterr().err

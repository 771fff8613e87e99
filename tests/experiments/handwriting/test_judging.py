"""What a recognizer reads of written and of real lines, and who is no judge."""

from pathlib import Path

import jax
import numpy as np
import pytest
from flax import nnx

from experiments.data.stroke_fonts import Style, write_text
from experiments.data.stroke_frames import frames_of
from experiments.data.vocabulary import Vocabulary
from experiments.handwriting import judging
from experiments.handwriting.writing import Written
from experiments.handwriting_recognition import __main__ as recognition
from experiments.harness import BadInput
from experiments.shared.recognition.examples import BLANK, Symbols
from experiments.shared.trained import Trained

CONFIG = recognition.Config(hidden_size=4, subsampling=1, spacing=0.6, deslant=False)
SYMBOLS = Symbols(
    Vocabulary((BLANK, *"ilt")), "characters", (0.1, 0, 0.2, 0), (2.0, 3.0, 1.0, 0.5)
)


def draw(text, slant=0.0):
    rng = np.random.default_rng(0)
    return write_text(text, "rowmans", Style(slant=slant, jitter=0), rng)


@pytest.fixture(scope="module")
def module():
    """A recognizer without training, whose output is not constant."""
    return recognition.make_model(CONFIG, SYMBOLS, nnx.Rngs(3))


def test_the_judge_reads_the_frames_of_its_own_run(module, monkeypatch):
    asked = []

    def load(run, *, experiment):
        asked.append((run, experiment))
        return Trained(module, CONFIG, SYMBOLS)

    monkeypatch.setattr(judging, "load", load)
    drawings = [draw("till", slant=0.4), draw("llit", slant=0.4)]  # of equal lengths
    read = judging.load_judge(Path("run"), drawings)
    assert asked == [(Path("run"), "experiments.handwriting_recognition")]
    apply = jax.jit(lambda frames: module(frames)[0])
    expected = []
    for drawing in drawings:
        frames = frames_of(drawing.strokes, spacing=0.6, unit_size=True, deslant=False)
        scaled = (frames - np.array(SYMBOLS.mean)) / np.array(SYMBOLS.scale)
        logits = np.asarray(apply(scaled[None].astype(np.float32)))
        best = logits[0].argmax(axis=-1)
        kept = best[np.flatnonzero(np.diff(best, prepend=-1))]
        expected.append("".join(" ilt"[i] for i in kept if i))
    assert read([own.strokes for own in drawings]) == expected and any(expected)
    with pytest.raises(BadInput, match="run: the judge has never seen 'a' in a text"):
        judging.load_judge(Path("run"), [*drawings, draw("at")])


def test_written_and_real_lines_are_measured_apart():
    real = [draw(text) for text in ("till", "lit", "tilt")]
    seen = {}

    def write(params, texts, seed, *, bias):
        assert (params, seed, bias) == ("params", 0, 0.5)
        lines = [draw(text[::-1]) for text in texts]
        return [
            Written(own.strokes, np.zeros((2, 3)), None, text, text != "lit")
            for own, text in zip(lines, texts)
        ]

    def read(lines):
        """Knows real lines, and takes the last character from others."""
        for text in ("till", "lit", "tilt"):
            seen[str(draw(text).strokes)] = text
            seen.setdefault(str(draw(text[::-1]).strokes), text[:-1])
        return [seen[str(strokes)] for strokes in lines]

    found = judging.measure_readability(write, "params", read, real, bias=0.5)
    assert (found.written, found.real) == (pytest.approx(3 / 11), 0)
    assert found.ended == pytest.approx(2 / 3)
    assert found.texts[0] == ("till", "till", "til")

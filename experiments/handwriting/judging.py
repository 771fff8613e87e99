"""Whether what is written can be read: by a recognizer, beside what was real."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.data.stroke_frames import frames_of
from experiments.data.strokes import Drawing
from experiments.harness import BadInput
from experiments.shared.edits import error_rate
from experiments.shared.recognition.writing import make_reader
from experiments.shared.trained import load

BATCH_SIZE = 32
Read = Callable[[Sequence[Sequence[np.ndarray]]], list[str]]


def load_judge(run: Path, drawings: Sequence[Drawing]) -> Read:
    """Loads `read(lines)`, the text that a recognizer reads in the strokes of each.

    Args:
      run: a run of handwriting_recognition.
      drawings: real ones, of texts that will be read.

    Raises:
      BadInput: if there is no such run, or one of another experiment, or it does not
        know a character of the texts.
    """
    trained = load(run, experiment="experiments.handwriting_recognition")
    config, symbols = trained.config, trained.symbols
    for character in sorted(set("".join(own.text or "" for own in drawings))):
        if character not in symbols.vocabulary:
            raise BadInput(f"the judge has never seen {character!r} in a text.", run)
    reader = make_reader(trained, BATCH_SIZE)

    def read(lines: Sequence[Sequence[np.ndarray]]) -> list[str]:
        return reader(
            [
                frames_of(
                    strokes,
                    spacing=config.spacing,
                    unit_size=config.unit_size,
                    deslant=config.deslant,
                )
                for strokes in lines
            ]
        )

    return read


class Readability(NamedTuple):
    """How well what was written is read.

    Attributes:
      written: edits per character of the texts in what was read of the written lines.
      real: the same of the real lines.
      ended: the share of lines that were written to their end.
      texts: `(text, read of the real line, read of the written line)` of each.
    """

    written: float
    real: float
    ended: float
    texts: list[tuple[str, str, str]]


def measure_readability(
    write: Callable[..., Any],
    params: Any,
    read: Read,
    drawings: Sequence[Drawing],
    *,
    bias: float,
) -> Readability:
    """Writes the texts of real drawings, and has both read."""
    texts = [own.text or "" for own in drawings]
    written = write(params, texts, 0, bias=bias)
    of_real = read([own.strokes for own in drawings])
    of_written = read([own.strokes for own in written])

    def rate(lines):
        return error_rate([[text] for text in texts], lines).rate

    return Readability(
        rate(of_written),
        rate(of_real),
        float(np.mean([own.ended for own in written])),
        list(zip(texts, of_real, of_written)),
    )

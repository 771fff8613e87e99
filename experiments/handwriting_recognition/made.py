"""Made lines: real sentences, written by fonts of single strokes in many hands."""

import re

import numpy as np

from experiments.data.splits import split_by_place
from experiments.data.stroke_fonts import FONTS, Style, write_text
from experiments.data.strokes import Drawing
from experiments.data.text import pydoc_topics

LONGEST = 24  # characters of a line
# The last tenth of the text, which `char_lm` does not learn, validates and tests.
TRAIN_FRACTION = 0.9
WORD = re.compile(r"[A-Za-z]+(?:['-][a-z]+)*[,.;:?]?")
SLANT, JITTER = (-0.3, 0.6), (0.5, 1.1)


def made_lines(
    seed: int, sizes: tuple[int, int, int]
) -> tuple[list[Drawing], list[Drawing], list[Drawing]]:
    """Writes lines of the language reference behind Python's `help`.

    The text is parted by place: the first nine tenths to train, the rest in two halves.

    Args:
      seed: equal seeds give equal lines.
      sizes: number of lines for training, validation and test.

    Returns:
      The lines of each part, of up to 24 characters, each by a font, a slant and an
      unsteadiness of its own.
    """
    rng = np.random.default_rng(seed)
    texts = split_by_place(pydoc_topics(), TRAIN_FRACTION)
    train, validation, test = (
        [_write(line, rng) for line in _draw_lines(text, rng, size)]
        for text, size in zip(texts, sizes)
    )
    return train, validation, test


def _draw_lines(text: str, rng: np.random.Generator, number: int) -> list[str]:
    """Draws runs of words that follow each other in the text."""
    runs = [[]]
    for word in text.split():
        if WORD.fullmatch(word):
            runs[-1].append(word)
        elif runs[-1]:
            runs.append([])
    lines = []
    for run in runs:
        while run:
            size, length = 0, -1
            while size < len(run) and length + 1 + len(run[size]) <= LONGEST:
                length += 1 + len(run[size])
                size += 1
            if size > 1:  # a line of two words at least
                lines.append(" ".join(run[:size]))
            run = run[max(size, 1) :]
    return [lines[i] for i in rng.permutation(len(lines))[:number]]


def _write(line: str, rng: np.random.Generator) -> Drawing:
    style = Style(
        slant=rng.uniform(*SLANT),
        size=rng.uniform(0.5, 2),
        jitter=rng.uniform(*JITTER),
    )
    return write_text(line, FONTS[rng.integers(len(FONTS))], style, rng)

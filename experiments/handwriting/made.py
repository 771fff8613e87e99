"""Lines of words, written by a single-stroke font in many styles."""

import functools
import re

import numpy as np

from experiments.data.splits import part_of_line
from experiments.data.stroke_fonts import Font, Style, write_text
from experiments.data.stroke_sets import StrokeParts
from experiments.data.strokes import Drawing
from experiments.data.text import pydoc_topics

SLANTS = (-0.5, 0.7)
SIZES = (0.6, 1.7)
NUM_WORDS = 3  # in a line, at most
LONGEST = 14  # characters
JITTER, SPACING = 0.3, 4.0


def draw_style(rng: np.random.Generator) -> Style:
    """Draws a style: a uniform slant, and a size of uniform logarithm."""
    size = float(np.exp(rng.uniform(*np.log(SIZES))))
    return Style(float(rng.uniform(*SLANTS)), size, JITTER, SPACING)


def draw_text(rng: np.random.Generator) -> str:
    """Draws a line of one to three words of Python's own help, in lower case."""
    words = _words()
    while True:
        number = rng.integers(1, NUM_WORDS + 1)
        text = " ".join(words[i] for i in rng.integers(len(words), size=number))
        if len(text) <= LONGEST:
            return text


def made_lines(font: Font, seed: int, sizes: tuple[int, int, int]) -> StrokeParts:
    """Makes lines; no text is in two parts.

    Args:
      font: the font of all lines.
      seed: seed of texts and styles.
      sizes: number of lines for training, validation and test.
    """
    rng = np.random.default_rng(seed)
    wanted = dict(zip(("train", "validation", "test"), sizes))
    parts: dict[str, list[Drawing]] = {name: [] for name in wanted}
    while any(len(parts[name]) < size for name, size in wanted.items()):
        text = draw_text(rng)
        part = part_of_line(text)
        if len(parts[part]) < wanted[part]:
            parts[part].append(write_text(text, font, draw_style(rng), rng))
    return StrokeParts(parts["train"], parts["validation"], parts["test"], 0.0)


@functools.cache
def _words() -> tuple[str, ...]:
    words = set(re.findall(r"\b[a-z]{2,8}\b", pydoc_topics()))
    return tuple(sorted(words))

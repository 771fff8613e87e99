"""Any text as strokes, by fonts that are single strokes, in a style.

The fonts are those of Hershey, from the package `Hershey-Fonts`. Their unit is a 21st
of the height of a capital letter.
"""

import functools
from typing import Literal, NamedTuple

import numpy as np

from experiments.data.stroke_style import lean
from experiments.data.strokes import Drawing, resample
from experiments.harness.errors import BadInput

Font = Literal["futural", "rowmans", "scripts", "cursive"]
FONTS: tuple[Font, ...] = ("futural", "rowmans", "scripts", "cursive")
WAVE = 12  # points between two independent deviations of the hand


class Style(NamedTuple):
    """How a text is written.

    Attributes:
      slant: way to the right per way up, 0 for upright.
      size: the factor of the font's size.
      jitter: standard deviation of the smooth deviation of the hand, of the lean of its
        letters times 10, and of points times 3, in the font's unit times `size`.
      spacing: distance of points at most, likewise.
    """

    slant: float = 0.0
    size: float = 1.0
    jitter: float = 0.3
    spacing: float = 3.0


def characters_of(font: Font) -> frozenset[str]:
    """Returns the characters that a font has."""
    return frozenset(_glyphs(font))


def write_text(
    text: str, font: Font, style: Style, rng: np.random.Generator
) -> Drawing:
    """Writes a text as strokes.

    Points are as many whatever the size, so the size is that of their offsets.

    Args:
      text: one line.
      font: name of the font.
      style: the style.
      rng: the source of the jitter.

    Returns:
      The drawing; its base line is y = 0.

    Raises:
      BadInput: if the text is empty or blank, or has a character that the font has not.
    """
    glyphs = _glyphs(font)
    if not text.strip():
        raise BadInput("the text must not be empty.")
    strokes, right = [], 0.0
    for character in text:
        if character not in glyphs:
            raise BadInput(
                f"the text must be of characters of the font {font}, got {character!r}."
            )
        left_edge, width, own = glyphs[character]
        leaning = lean(own, rng.normal(0, 0.1 * style.jitter)) if own else []
        strokes += [stroke + (right - left_edge, 0.0) for stroke in leaning]
        right += width
    strokes = lean(resample(strokes, style.spacing), style.slant)
    strokes = [(stroke + _wander(stroke, style.jitter, rng)) for stroke in strokes]
    return Drawing([stroke * style.size for stroke in strokes], text, text)


def _wander(stroke: np.ndarray, jitter: float, rng) -> np.ndarray:
    """Returns deviations `[num_points, 2]`: those of the hand, and of every point."""
    num_knots = len(stroke) // WAVE + 2
    knots = rng.normal(0, jitter, (num_knots, 2))
    places = np.arange(len(stroke)) / WAVE
    smooth = [np.interp(places, range(num_knots), column) for column in knots.T]
    return np.stack(smooth, axis=1) + rng.normal(0, jitter / 3, stroke.shape)


@functools.cache
def _glyphs(font: Font) -> dict[str, tuple[float, float, list[np.ndarray]]]:
    """Returns left edge, width and strokes of each character; its base is y = 0."""
    from HersheyFonts import HersheyFonts

    fonts = HersheyFonts()
    fonts.load_default_font(font)
    base = fonts.render_options.base_line
    return {
        character: (
            float(glyph.left_offset),
            float(glyph.char_width),
            [np.array(s, np.float64) - (0, base) for s in glyph.strokes if len(s)],
        )
        for character, glyph in fonts.all_glyphs.items()
    }

"""Made images: one drawn shape each, with a caption that says which.

Sizes, shades and grounds vary within what a word means. Without that a network learns a
way to tell shapes for each color by itself, which says nothing of a shape in a color in
which it was never seen.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SIZES = {"small": 7, "large": 12}  # half of the width, pixels of an image of 32
STRETCH = 0.9, 1.1  # least and greatest factor on it
COLORS = {"red": (210, 50, 40), "green": (40, 160, 70), "blue": (50, 80, 210)}
SHAPES = "circle", "square", "triangle"
COMBINATIONS = tuple(itertools.product(SIZES, COLORS, SHAPES))
# Each of their words occurs in training too, beside other ones.
UNSEEN = (
    ("small", "red", "circle"),
    ("large", "green", "square"),
    ("small", "blue", "triangle"),
)
SEEN = tuple(own for own in COMBINATIONS if own not in UNSEEN)
SHADE = 40  # most that the red, green or blue of a shape is away from its color's
TINT = 25  # standard deviation of the red, green and blue of a ground
NOISE = 8  # and of those of a pixel, of 255


class MadeImages(NamedTuple):
    """Images with one caption each.

    Attributes:
      images: `[N, size, size, 3]` uint8.
      captions: such as `a small red circle`.
    """

    images: np.ndarray
    captions: list[str]


def draw_shapes(
    combinations: Sequence[tuple[str, str, str]],
    number: int,
    size: int,
    rng: np.random.Generator,
) -> MadeImages:
    """Draws shapes at random places, on grounds that are about grey, with noise.

    Args:
      combinations: those of size, color and shape to draw from.
      number: number of images.
      size: height and width of each, pixels.
      rng: the source of randomness.
    """
    images = np.empty((number, size, size, 3), np.uint8)
    captions = []
    for image in images:
        named, color, shape = combinations[int(rng.integers(len(combinations)))]
        half = SIZES[named] * size / 32 * rng.uniform(*STRETCH)
        center = rng.uniform(half, size - half, 2)
        y, x = (np.indices((size, size)) + 0.5) - center[:, None, None]
        inside = _is_inside(shape, y / half, x / half)
        ground = rng.uniform(90, 200) + TINT * rng.normal(size=3)
        own = COLORS[color] + SHADE * rng.uniform(-1, 1, 3)
        colors = np.where(inside[..., None], own, ground)
        colors = colors + NOISE * rng.normal(size=colors.shape)
        image[...] = colors.clip(0, 255).round()
        captions.append(f"a {named} {color} {shape}")
    return MadeImages(images, captions)


def _is_inside(shape: str, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Says which places are in a shape within the square from -1 to 1."""
    match shape:
        case "circle":
            return x**2 + y**2 <= 1
        case "square":
            return np.maximum(abs(x), abs(y)) <= 0.85
    return (abs(x) <= (y + 1) / 2) & (y <= 1)

"""Made images: one drawn shape each, with a caption that says which."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SIZES = {"small": 5, "large": 9}  # half of the width of a square, pixels
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
NOISE = 12  # standard deviation of a color, of 255


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
    """Draws shapes at random places, on grey, with noise.

    Args:
      combinations: those of size, color and shape to draw from.
      number: number of images.
      size: height and width of each, pixels; 20 or more hold the large shapes.
      rng: the source of randomness.
    """
    images = np.empty((number, size, size, 3), np.uint8)
    captions = []
    for image in images:
        named, color, shape = combinations[int(rng.integers(len(combinations)))]
        half = SIZES[named]
        center = rng.uniform(half, size - half, 2)
        y, x = (np.indices((size, size)) + 0.5) - center[:, None, None]
        inside = _is_inside(shape, y / half, x / half)
        ground = np.full(3, rng.uniform(90, 200))
        colors = np.where(inside[..., None], np.array(COLORS[color]), ground)
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

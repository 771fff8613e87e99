"""Images: the idx format of MNIST, and digits of a dot-matrix display."""

import math
from collections.abc import Mapping

import numpy as np

from experiments.data.lookup import AnyPath, read_bytes
from experiments.harness.errors import BadInput

UNSIGNED_BYTES = b"\0\0\x08"
NUM_DIGITS = 10
MNIST_PARTS = "train", "t10k"
DOTS = """
.###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###.
#...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...#
#..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...#
#.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .####
##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....#
#...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#.
.###. .###. ##### .###. ...#. .###. .###. .#... .###. .##..
"""


def read_idx(path: str | AnyPath) -> np.ndarray:
    """Reads an array of unsigned bytes, decompressing a file whose name ends in `.gz`.

    The file has two zeros, 8 for unsigned bytes, the number of axes, their sizes in
    four bytes each, the first axis first, and the elements, the last axis fastest.

    Args:
      path: the file.

    Returns:
      The array, uint8.

    Raises:
      BadInput: if the file is not such an array.
    """
    content = read_bytes(path)
    if len(content) < 4 or content[:3] != UNSIGNED_BYTES:
        raise BadInput(
            "an idx file of unsigned bytes must begin with 00 00 08, "
            f"got {content[:3].hex(' ') or 'an empty file'}.",
            path,
            byte=0,
        )
    begin = 4 + 4 * content[3]
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, begin, 4)]
    if len(content) < begin:
        raise BadInput(
            f"the sizes of {content[3]} axes must be in bytes 4 to {begin}, "
            f"got a file of {len(content)} bytes.",
            path,
            byte=len(content),
        )
    if len(content) != begin + math.prod(shape):
        raise BadInput(
            f"an array of {' x '.join(map(str, shape))} must take "
            f"{begin + math.prod(shape)} bytes, got {len(content)}.",
            path,
            byte=min(len(content), begin + math.prod(shape)),
        )
    return np.frombuffer(content, np.uint8, offset=begin).reshape(shape)


def read_mnist(
    paths: Mapping[str, AnyPath], part: str
) -> tuple[np.ndarray, np.ndarray]:
    """Reads the square images of a part of MNIST, and their labels.

    Args:
      paths: the files by name; see `experiments.data.lookup.find`.
      part: one of `MNIST_PARTS`.

    Returns:
      Images `[N, size, size]` of uint8 and labels `[N]` of int32.

    Raises:
      BadInput: if a file has another shape, or a label is not a digit.
    """
    images_path = paths[f"{part}-images-idx3-ubyte"]
    labels_path = paths[f"{part}-labels-idx1-ubyte"]
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.shape[1] != images.shape[2] or not images.size:
        raise BadInput(
            f"images must be [N, size, size], got {list(images.shape)}.", images_path
        )
    if labels.shape != images.shape[:1]:
        raise BadInput(
            f"labels must be [{len(images)}], one per image, got {list(labels.shape)}.",
            labels_path,
        )
    if (labels >= NUM_DIGITS).any():
        at = int((labels >= NUM_DIGITS).argmax())
        raise BadInput(
            f"label {at} must be from 0 to {NUM_DIGITS - 1}, got {labels[at]}.",
            labels_path,
            byte=8 + at,
        )
    return images, labels.astype(np.int32)


def dot_digits() -> np.ndarray:
    """Returns the digits of a dot-matrix display, `[10, 7, 5]` bool.

    Example:
      >>> for row in dot_digits()[7]:
      ...     print("".join("#" if dot else "." for dot in row))
      #####
      ....#
      ...#.
      ..#..
      .#...
      .#...
      .#...
    """
    rows = [line.split() for line in DOTS.split("\n") if line]
    dots = np.array([[list(digit) for digit in row] for row in rows]) == "#"
    return dots.transpose(1, 0, 2)

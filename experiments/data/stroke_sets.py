"""Sets of strokes packed into arrays: words, digits, and drawn characters."""

import io
import zipfile
import zlib
from typing import NamedTuple

import numpy as np

from experiments.data import lookup
from experiments.data.lookup import AnyPath, read_bytes
from experiments.data.splits import Part
from experiments.data.strokes import Drawing, from_offsets
from experiments.harness.errors import BadInput

# Steps of the device's grid per unit of the file of `cursive_words`; its x are to be
# multiplied by 6.
SCALE = np.array([6.0, 1.0]) / 50


class StrokeParts(NamedTuple):
    """Drawings for training, validation and test.

    Attributes:
      train, validation, test: the drawings.
      grid: the step of the coordinates where they are whole multiples of one, else 0.
    """

    train: list[Drawing]
    validation: list[Drawing]
    test: list[Drawing]
    grid: float


def read_cursive_words(data_dir=None) -> StrokeParts:
    """Reads 3,500 words by one writer, with 70 symbols.

    Coordinates are steps of the device's grid, 15 to the height of a small letter. The
    last point of a stroke is stored twice; here it is there once. The test part is the
    words whose CRC-32 is a multiple of 10, validation those with a remainder of 1.

    Args:
      data_dir: see `lookup.find`.

    Returns:
      The words, with their texts; equal texts are in the same part.

    Raises:
      MissingData: if the data set is not on this machine.
      BadInput: if the file is not of its format.

    References:
      Greydanus and Wallace, "The Cursive Transformer", 2025, arXiv:2504.00051.
    """
    path = lookup.find("cursive_words", data_dir)["cursive_words.npz"]
    points, lengths, texts = _read_arrays(path, ("points", "lengths", "texts"))
    parts: dict[Part, list[Drawing]] = {"train": [], "validation": [], "test": []}
    for word, text in zip(_split(points, lengths, path), texts.tolist(), strict=True):
        own = word.astype(np.float64)
        # Steps of the grid, whose place differs from word to word by less than one.
        steps = np.round((own[:, :2] - own[0, :2]) * SCALE)
        own[:, :2] = steps + np.floor(own[0, :2] * SCALE)
        is_last = own[:, 2] == 0  # the point before it, a second time
        after_last = np.flatnonzero(is_last[:-1]) + 1
        strokes = [
            stroke[: max(1, len(stroke) - 1), :2]
            for stroke in np.split(own, after_last)
        ]
        parts[part_of_word(text)].append(Drawing(strokes, text, text))
    return StrokeParts(parts["train"], parts["validation"], parts["test"], 1.0)


def part_of_word(text: str) -> Part:
    """Returns the part of a word of `cursive_words`.

    Example:
      >>> [part_of_word(word) for word in ("a", "is", "it")]
      ['train', 'validation', 'test']
    """
    remainder = zlib.crc32(text.encode()) % 10
    return "test" if remainder == 0 else "validation" if remainder == 1 else "train"


def read_pendigits(data_dir=None) -> StrokeParts:
    """Reads 10,992 digits of 44 writers; the text is the digit, the group the writer.

    The 14 writers of the test part are in no other; of the 30 others the last three
    are for validation.

    Args:
      data_dir: see `lookup.find`.

    Raises:
      MissingData: if the data set is not on this machine.
      BadInput: if the file is not of its format.

    References:
      Alimoglu and Alpaydin, "Methods of Combining Multiple Classifiers Based on
      Different Representations for Pen-based Handwriting Recognition", 1996.
    """
    path = lookup.find("pendigits", data_dir)["pendigits_strokes.npz"]
    found = []
    for part in ("train", "test"):
        names = [f"{part}_{name}" for name in ("points", "lengths", "labels")]
        arrays = _read_arrays(path, (*names, f"{part}_comment"))
        points, lengths, labels, comment = arrays
        drawings = []
        rows = zip(_split(points, lengths, path), labels, comment, strict=True)
        for own, label, row in rows:
            place = own[:, :2] * np.array([1.0, -1.0])
            ends = np.flatnonzero(own[:, 2]) + 1
            strokes = [stroke for stroke in np.split(place, ends) if len(stroke)]
            drawings.append(Drawing(strokes, str(label), f"{part} {row[1]}"))
        found.append(drawings)
    train, test = found
    writers = sorted({drawing.group for drawing in train})
    held_out = set(writers[-3:])
    return StrokeParts(
        [drawing for drawing in train if drawing.group not in held_out],
        [drawing for drawing in train if drawing.group in held_out],
        test,
        1.0,
    )


def read_sketches(name: str, data_dir=None) -> StrokeParts:
    """Reads the drawn characters of `omniglot` or `kanji`, which have no texts.

    The parts are those of the sets themselves.

    Args:
      name: the data set.
      data_dir: see `lookup.find`.

    Raises:
      MissingData: if the data set is not on this machine.
      BadInput: if the file is not of its format.

    References:
      Lake, Salakhutdinov and Tenenbaum, "Human-level concept learning through
      probabilistic program induction", Science 2015; Apel, KanjiVG.
    """
    (path,) = lookup.find(name, data_dir).values()
    parts = []
    for part in ("train", "valid", "test"):
        names = f"{part}_data", f"{part}_lengths"
        offsets, lengths = _read_arrays(path, names)
        parts.append(
            [
                Drawing(from_offsets(own), None, f"{part} {number}")
                for number, own in enumerate(_split(offsets, lengths, path))
                if len(own) > 1
            ]
        )
    train, validation, test = parts
    return StrokeParts(train, validation, test, 1.0)


def _split(rows: np.ndarray, lengths: np.ndarray, path: AnyPath) -> list[np.ndarray]:
    lengths = lengths.astype(np.int64)
    if rows.ndim != 2 or rows.shape[1] != 3 or (lengths < 1).any():
        raise BadInput("the points must be [num_points, 3], in sequences.", path)
    if lengths.sum() != len(rows):
        raise BadInput(
            f"the lengths must sum to the {len(rows)} points, got {lengths.sum()}.",
            path,
        )
    return np.split(rows, np.cumsum(lengths)[:-1])


def _read_arrays(path: AnyPath, names: tuple[str, ...]) -> list[np.ndarray]:
    try:
        with np.load(io.BytesIO(read_bytes(path)), allow_pickle=False) as arrays:
            return [arrays[name] for name in names]
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise BadInput(
            f"the file must be .npz with arrays {', '.join(names)}: {error}.", path
        ) from error

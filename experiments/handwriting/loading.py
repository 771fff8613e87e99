"""The drawings of every data set, in parts, as offsets and as characters."""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from experiments.data.drawings import read_drawings
from experiments.data.registry import dataset as registered
from experiments.data.splits import part_of_line
from experiments.data.stroke_fonts import Font
from experiments.data.stroke_sets import (
    StrokeParts,
    read_cursive_words,
    read_pendigits,
    read_sketches,
)
from experiments.data.stroke_style import normalize
from experiments.data.strokes import Drawing, join, thin, to_offsets
from experiments.data.vocabulary import Vocabulary
from experiments.handwriting.made import made_lines
from experiments.harness import BadInput, TrainingConfig, flag

MADE = (4000, 200, 200)
GAP = 20.0  # between the words of a line of `cursive_words`, in steps of its grid


@dataclasses.dataclass(frozen=True)
class StrokeFlags(TrainingConfig):
    """The flags that say what to learn to write."""

    dataset: Literal["rendered", "cursive_words", "omniglot", "kanji", "pendigits"] = (
        flag("rendered", "data set; rendered is made, by a font of single strokes")
    )
    data_path: Path | None = flag(
        None,
        "drawings of your own: a file of JSON lines, an .inkml file, a folder of such, "
        "or a folder of IAM-OnDB",
    )
    condition: Literal["none", "text"] = flag(
        "none", "what the network is told: nothing, or the text to write"
    )
    font: Font = flag("rowmans", "font of the rendered lines")
    words_per_line: int = flag(1, "words of cursive_words joined to a line", minimum=1)
    keep_every: int | None = flag(
        None,
        "keep every n-th point of a stroke; none: 3 of cursive_words, else 1",
        minimum=1,
    )
    deslant: bool = flag(False, "make every drawing upright, so its slant is lost")
    unit_size: bool = flag(False, "scale every drawing to one size, which is lost")

    def __post_init__(self):
        """Checks flags that depend on each other."""
        super().__post_init__()
        if self.words_per_line > 1 and self.dataset_name != "cursive_words":
            raise ValueError("words_per_line needs the dataset cursive_words.")
        if self.has_text and self.dataset_name in ("omniglot", "kanji"):
            raise ValueError(f"condition must be none: {self.dataset} has no texts.")

    @property
    def dataset_name(self) -> str:
        """The name of the data set; own for the user's."""
        return "own" if self.data_path is not None else self.dataset

    @property
    def has_text(self) -> bool:
        """Whether the network is told what to write."""
        return self.condition == "text"

    @property
    def every(self) -> int:
        """The number of points of which one is kept."""
        return self.keep_every or (3 if self.dataset_name == "cursive_words" else 1)


def load_drawings(flags: StrokeFlags) -> tuple[StrokeParts, dict[str, str]]:
    """Loads the drawings, and the SHA-256 of every file by its name.

    Those of the user's are split 80/10/10 by a checksum of their group, and are on a
    grid of 1 if all coordinates are whole numbers.

    Raises:
      BadInput: if a file cannot be read, a part of it would be empty, or a drawing
        cannot be scaled.
      MissingData: if the data set is not on this machine.
    """
    name, digests = flags.dataset_name, {}
    if name == "own":
        parts, digests = _read_own(flags)
    elif name == "rendered":
        parts = made_lines(flags.font, 0, MADE)
    else:
        digests = registered(name).digests
        if name == "cursive_words":
            parts = read_cursive_words(flags.data_dir)
        elif name == "pendigits":
            parts = read_pendigits(flags.data_dir)
        else:
            parts = read_sketches(name, flags.data_dir)
    if flags.words_per_line > 1:
        joined = (_join_words(part, flags.words_per_line) for part in parts[:3])
        train, validation, test = joined
        parts = StrokeParts(train, validation, test, parts.grid)
    train, validation, test = ([_changed(d, flags) for d in part] for part in parts[:3])
    # What was sheared or scaled by itself is on no grid that all share.
    grid = 0.0 if flags.deslant or flags.unit_size else parts.grid
    return StrokeParts(train, validation, test, grid), digests


def _read_own(flags: StrokeFlags) -> tuple[StrokeParts, dict[str, str]]:
    path = flags.data_path
    assert path is not None
    drawings = read_drawings(path, needs_text=flags.has_text)
    parts: dict[str, list[Drawing]] = {"train": [], "validation": [], "test": []}
    for drawing in drawings:
        parts[part_of_line(drawing.group)].append(drawing)
    for name, part in parts.items():
        if not part:
            raise BadInput(f"there are too few drawings: none is for {name}.", path)
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*.*ml"))
    digests = {str(own): hashlib.sha256(own.read_bytes()).hexdigest() for own in files}
    points = np.concatenate([stroke for d in drawings for stroke in d.strokes])
    grid = float((points == np.round(points)).all())
    return StrokeParts(
        parts["train"], parts["validation"], parts["test"], grid
    ), digests


def _join_words(words: list[Drawing], number: int) -> list[Drawing]:
    """Joins each word with others of its part, in a fixed order."""
    rng = np.random.default_rng(0)
    others = rng.integers(len(words), size=(len(words), number - 1))
    return [
        join([word, *(words[i] for i in own)], GAP) for word, own in zip(words, others)
    ]


def _changed(drawing: Drawing, flags: StrokeFlags) -> Drawing:
    strokes = thin(drawing.strokes, flags.every)
    try:
        strokes = normalize(strokes, slant=flags.deslant, size=flags.unit_size)
    except ValueError as error:
        raise BadInput(f"the drawing {drawing.group!r}: {error}") from None
    return drawing._replace(strokes=strokes)


@dataclasses.dataclass(frozen=True)
class Symbols:
    """What a run keeps of its data.

    Attributes:
      characters: those of the training texts; None if the network is told none.
      mean, scale: of the offsets x and y: what is subtracted, and then divided by.
      noise: width of the uniform noise that is added to offsets on a grid, divided by
        the scale.
      pace: characters per point.
      longest: points of the longest drawing of training.
    """

    characters: Vocabulary | None
    mean: tuple[float, float]
    scale: tuple[float, float]
    noise: tuple[float, float]
    pace: float
    longest: int


def make_symbols(train: Sequence[Drawing], grid: float, has_text: bool) -> Symbols:
    """Finds mean and deviation of the offsets, in training, and its characters.

    Raises:
      BadInput: if all offsets along x or along y are equal.
    """
    offsets = [to_offsets(drawing.strokes)[1:, :2] for drawing in train]
    steps = np.concatenate(offsets)
    # Uniform noise of width g has a variance of g²/12.
    scale = np.sqrt(steps.var(axis=0) + grid**2 / 12)
    if not (scale > 0).all():
        raise BadInput("the drawings must go to the right and down, not one alone.")
    num_points = len(steps) + len(train)
    texts = [drawing.text or "" for drawing in train] if has_text else []
    num_characters = sum(map(len, texts))
    noise = grid / scale

    def pair(x):
        return float(x[0]), float(x[1])

    return Symbols(
        Vocabulary.of_characters("".join(texts)) if has_text else None,
        pair(steps.mean(axis=0)),
        pair(scale),
        pair(noise),
        num_characters / num_points if has_text else 1.0,
        max(map(len, offsets)) + 1,
    )


class Encoded(NamedTuple):
    """Drawings as numbers, an array per drawing.

    Attributes:
      offsets: `[num_points, 3]` float32, scaled; the first row is zeros, but for the
        bit.
      texts: `[num_characters]` int32, -1 for a character that training has not; empty
        where the network is told none.
    """

    offsets: list[np.ndarray]
    texts: list[np.ndarray]


def encode(drawings: Sequence[Drawing], symbols: Symbols) -> Encoded:
    """Turns drawings into numbers."""
    return Encoded(
        [scaled(drawing.strokes, symbols) for drawing in drawings],
        [encode_text(drawing.text or "", symbols) for drawing in drawings],
    )


def encode_text(text: str, symbols: Symbols) -> np.ndarray:
    """Turns a text into numbers, see `Encoded.texts`."""
    known = symbols.characters
    if known is None:
        return np.zeros(0, np.int32)
    numbers = {character: i for i, character in enumerate(known.symbols)}
    return np.array([numbers.get(character, -1) for character in text], np.int32)


def scaled(strokes: Sequence[np.ndarray], symbols: Symbols) -> np.ndarray:
    """Turns strokes into scaled offsets `[num_points, 3]` float32."""
    offsets = to_offsets(strokes)
    offsets[1:, :2] = (offsets[1:, :2] - symbols.mean) / symbols.scale
    return offsets.astype(np.float32)


def unscaled(offsets: np.ndarray, symbols: Symbols) -> np.ndarray:
    """Turns scaled offsets back."""
    offsets = np.array(offsets, np.float64)
    offsets[:, :2] = offsets[:, :2] * symbols.scale + symbols.mean
    return offsets

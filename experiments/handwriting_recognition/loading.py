"""The drawings of every data set, in parts, as frames of a pen's way."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any, Literal

from experiments.data.drawings import read_drawings
from experiments.data.registry import dataset as registered
from experiments.data.splits import Part, part_of_line
from experiments.data.stroke_frames import frames_of
from experiments.data.stroke_sets import read_cursive_words
from experiments.data.strokes import Drawing
from experiments.handwriting_recognition.made import made_lines
from experiments.harness import BadInput, TrainingConfig, flag
from experiments.shared.recognition.examples import Example
from experiments.shared.recognition.parts import Parts

MADE = (3000, 200, 400)


@dataclasses.dataclass(frozen=True)
class InkFlags(TrainingConfig):
    """The flags that say what is read, and how."""

    dataset: Literal["lines", "cursive_words"] = flag(
        "lines", "data set; lines are made, of real sentences"
    )
    data_path: Path | None = flag(
        None,
        "drawings of your own with their texts: a file of JSON lines, an .inkml file, "
        "a folder of such, or a folder of IAM-OnDB",
    )
    spacing: float = flag(
        0.25,
        "distance between two points of a stroke, in heights of the writing; with "
        "--no-unit-size in the unit of the coordinates",
    )
    unit_size: bool = flag(True, "scale every drawing to one size")
    deslant: bool = flag(True, "make every drawing upright")
    skip_unalignable: bool = flag(
        False, "leave out drawings whose points are too few to spell their text"
    )

    def __post_init__(self):
        """Checks the distance."""
        super().__post_init__()
        if not self.spacing > 0:
            raise ValueError(f"spacing must be positive, got {self.spacing}.")


def load_drawings(flags: InkFlags) -> Parts:
    """Loads the drawings of the flags.

    The user's are split 80/10/10 by a checksum of their group, which is their text, or
    the form of IAM-OnDB.

    Raises:
      BadInput: if a file cannot be read, or a part would be empty.
      MissingData: if the data set is not on this machine.
    """
    digests = {}
    if flags.data_path is not None:
        parts, digests = _read_own(flags.data_path)
    elif flags.dataset == "lines":
        parts = made_lines(0, MADE)
    else:
        parts = read_cursive_words(flags.data_dir)[:3]
        digests = registered("cursive_words").digests
    train, validation, test = (
        [to_example(drawing, i, flags) for i, drawing in enumerate(part, 1)]
        for part in parts
    )
    return Parts(train, validation, test, digests)


def _read_own(path: Path) -> tuple[tuple[list[Drawing], ...], dict[str, str]]:
    parts: dict[Part, list[Drawing]] = {"train": [], "validation": [], "test": []}
    for drawing in read_drawings(path, needs_text=True):
        parts[part_of_line(drawing.group)].append(drawing)
    for name, part in parts.items():
        if not part:
            raise BadInput(f"there are too few drawings: none is for {name}.", path)
    files = [path] if path.is_file() else sorted(path.rglob("*.*ml"))
    digests = {str(own): hashlib.sha256(own.read_bytes()).hexdigest() for own in files}
    return tuple(parts.values()), digests


def frame_options(flags: InkFlags) -> dict[str, Any]:
    """Returns what `frames_of` is told, of the flags."""
    names = "spacing", "unit_size", "deslant"
    return {name: getattr(flags, name) for name in names}


def to_example(drawing: Drawing, number: int, flags: InkFlags) -> Example:
    """Turns a drawing into the frames that a network reads.

    Raises:
      BadInput: if the drawing has no height and is to be scaled.
    """
    name = f"drawing {number}, {drawing.group!r}"
    try:
        frames = frames_of(drawing.strokes, **frame_options(flags))
    except ValueError as error:
        raise BadInput(f"{name}: {error}", flags.data_path) from None
    return Example(frames, drawing.text or "", name, flags.data_path)

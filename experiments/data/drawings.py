"""Drawings of the user's own, whatever their format."""

from pathlib import Path

from experiments.data.iam_ondb import read_iam
from experiments.data.inkml import read_inkml
from experiments.data.strokes import Drawing
from experiments.data.strokes_json import read_json_strokes
from experiments.harness.errors import BadInput


def read_drawings(path: Path, *, needs_text: bool = False) -> list[Drawing]:
    """Reads drawings.

    Args:
      path: an `.inkml` file; a folder of them; a folder of IAM-OnDB, which has a folder
        `lineStrokes`; or any other file as JSON lines, see `strokes_json`.
      needs_text: whether every drawing must have its text.

    Returns:
      The drawings, those of a folder ordered by the names of their files.

    Raises:
      BadInput: if there is nothing to read, a file cannot be read, or a text is missing
        and needed.
    """
    if not path.exists():
        raise BadInput("there is no such file.", path)
    if (path / "lineStrokes").is_dir():
        return read_iam(path)
    if not path.is_dir() and path.suffix != ".inkml":
        drawings = read_json_strokes(path)
        places = [(path, line) for line in range(1, len(drawings) + 1)]
    else:
        paths = sorted(path.rglob("*.inkml")) if path.is_dir() else [path]
        if not paths:
            raise BadInput(
                "the folder must hold .inkml files, or lineStrokes of IAM-OnDB.", path
            )
        drawings = list(map(read_inkml, paths))
        places = [(own, None) for own in paths]
    for drawing, place in zip(drawings, places):
        if needs_text and drawing.text is None:
            raise BadInput("the drawing must have its text, got none.", *place)
    return drawings

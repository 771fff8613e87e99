"""IAM-OnDB: lines of English on a whiteboard, for those who have registered for it.

A folder of it holds `lineStrokes` with the strokes of each line, such as
`lineStrokes/a01/a01-000/a01-000u-01.xml`, and `ascii` with the texts of each form, such
as `ascii/a01/a01-000/a01-000u.txt`.
"""

from pathlib import Path

from experiments.data.lookup import AnyPath
from experiments.data.strokes import Drawing, checked_strokes
from experiments.data.text import read_text, split_lines
from experiments.data.xml_elements import read_elements
from experiments.harness.errors import BadInput


def read_iam(directory: Path) -> list[Drawing]:
    """Reads the lines of a folder of IAM-OnDB.

    Args:
      directory: the folder with `lineStrokes` and `ascii`.

    Returns:
      The lines, ordered by their names. The group of a line is the text that its form
      shows, such as a01-000, since several people wrote it.

    Raises:
      BadInput: if there is no line, one has no text, or a file cannot be read.
    """
    paths = sorted((directory / "lineStrokes").rglob("*.xml"))
    if not paths:
        raise BadInput(
            "the folder must hold lines in lineStrokes, got none.", directory
        )
    texts: dict[Path, list[tuple[int, str]]] = {}
    drawings = []
    for path in paths:
        form, _, number = path.stem.rpartition("-")
        if not form or not number.isdecimal():
            raise BadInput(
                "the name of a line must end with its number, such as a01-000u-01.xml.",
                path,
            )
        place = path.parent.relative_to(directory / "lineStrokes")
        text_path = directory / "ascii" / place / f"{form}.txt"
        if text_path not in texts:
            if not text_path.is_file():
                raise BadInput(f"the line has no text: no file {text_path}.", path)
            texts[text_path] = read_iam_texts(text_path)
        own = texts[text_path]
        if not 1 <= int(number) <= len(own):
            raise BadInput(
                f"line {int(number)} has no text: {text_path} has {len(own)}.", path
            )
        text = own[int(number) - 1][1]
        group = form.rstrip("abcdefghijklmnopqrstuvwxyz")
        drawings.append(Drawing(read_iam_strokes(path), text, group))
    return drawings


def read_iam_strokes(path: AnyPath) -> list:
    """Reads the strokes of a file of IAM-OnDB.

    Raises:
      BadInput: if the file is not of this format, or its strokes are none, see
        `checked_strokes`.
    """
    strokes: list[list[tuple[float, float]]] = []
    lines: list[int] = []
    elements = read_elements(path, "WhiteboardCaptureSession")
    for element in elements:
        if element.name == "Stroke":
            strokes.append([])
            lines.append(element.line)
        elif element.name == "Point":
            if element.parent != "Stroke":
                raise BadInput("a point must be in a stroke.", path, element.line)
            try:
                x, y = (float(element.attributes[name]) for name in "xy")
            except (KeyError, ValueError):
                raise BadInput(
                    f"a point must have numbers x and y, got {element.attributes}.",
                    path,
                    element.line,
                ) from None
            strokes[-1].append((x, y))
    for stroke, line in zip(strokes, lines):
        if not stroke:
            raise BadInput("a stroke must have points, got none.", path, line)
    return checked_strokes(strokes, path, elements[0].line)


def read_iam_texts(path: AnyPath) -> list[tuple[int, str]]:
    """Reads the texts of a form: the lines after `CSR:`, what was written.

    Returns:
      The number of the line in the file, and the text of each line of the form.

    Raises:
      BadInput: if the file has no line `CSR:`, or none after it.
    """
    lines = [line.strip() for line in split_lines(read_text(path, "latin-1"))]
    if "CSR:" not in lines:
        raise BadInput("the file must have a line `CSR:`, got none.", path)
    first = lines.index("CSR:") + 1
    texts = [(i, text) for i, text in enumerate(lines[first:], first + 1) if text]
    if not texts:
        raise BadInput("the file must have texts after `CSR:`, got none.", path, first)
    return texts

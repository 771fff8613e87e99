"""Strokes as JSON lines, one drawing per line.

    {"text": "hello", "strokes": [[[0, 0], [1, 4.5]], [[3, 2]]]}

Each stroke is a list of points [x, y], x to the right and y downwards.
"""

import json
from collections.abc import Iterable

from experiments.data.lookup import AnyPath
from experiments.data.strokes import Drawing, checked_strokes
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput


def read_json_strokes(path: str | AnyPath) -> list[Drawing]:
    """Reads drawings.

    Args:
      path: the file, UTF-8; decompressed if its name ends in `.gz`.

    Returns:
      The drawings in their order. A line may lack its text, which is then None. The
      group of a drawing is its text, or else its line.

    Raises:
      BadInput: if a line is empty, is not such an object, or its strokes are none, see
        `checked_strokes`.
    """
    return [
        parse_drawing(text, path, line)
        for line, text in enumerate(split_lines(read_text(path)), 1)
    ]


def parse_drawing(text: str, path: str | AnyPath | None, line: int) -> Drawing:
    """Reads one line, see `read_json_strokes`.

    Raises:
      BadInput: as there.
    """
    if not text.strip():
        raise BadInput("the line must not be empty.", path, line)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the line must be JSON, but: {error}.", path, line) from None
    if not isinstance(content, dict) or not isinstance(content.get("strokes"), list):
        raise BadInput('the line must be {"text": ..., "strokes": [...]}.', path, line)
    written = content.get("text")
    if written is not None and (not isinstance(written, str) or not written.strip()):
        raise BadInput(f"text must be a text, got {written!r}.", path, line)
    strokes = content["strokes"]
    for number, stroke in enumerate(strokes, 1):
        if not isinstance(stroke, list) or not all(map(_is_point, stroke)):
            raise BadInput(
                f"stroke {number} must be a list of points [x, y].", path, line
            )
    group = written or f"line {line}"
    return Drawing(checked_strokes(strokes, path, line), written, group)


def write_json_strokes(drawings: Iterable[Drawing]) -> str:
    """Returns the drawings as JSON lines."""
    return "".join(
        json.dumps(
            {
                "text": drawing.text,
                "strokes": [stroke.tolist() for stroke in drawing.strokes],
            },
            ensure_ascii=False,
        )
        + "\n"
        for drawing in drawings
    )


def _is_point(point) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(type(x) is float or type(x) is int and abs(x) < 10**300 for x in point)
    )

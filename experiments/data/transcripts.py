"""Transcript files: a name, a tab and a text per line."""

from typing import NamedTuple

from experiments.data.lookup import AnyPath
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput


class Transcript(NamedTuple):
    """What is said in a recording, or written in a line of ink.

    Attributes:
      name: the name of the recording.
      text: the text, without blanks around it.
      line: the line of the file, from 1.
    """

    name: str
    text: str
    line: int


def read_transcripts(path: str | AnyPath, encoding: str = "utf-8") -> list[Transcript]:
    """Reads a transcript file.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      encoding: its encoding.

    Returns:
      The transcripts in their order.

    Raises:
      BadInput: if a line is empty or does not have one tab with something on each
        side, a name occurs twice, or there is no line.
    """
    found: dict[str, Transcript] = {}
    for line, content in enumerate(split_lines(read_text(path, encoding)), 1):
        if not content.strip():
            raise BadInput("the line must not be empty.", path, line)
        columns = [column.strip() for column in content.split("\t")]
        if len(columns) != 2:
            raise BadInput(
                f"the line must have a name, a tab and a text, got {len(columns) - 1} "
                "tabs.",
                path,
                line,
            )
        name, text = columns
        if not name or not text:
            raise BadInput("name and text must not be empty.", path, line)
        if name in found:
            first = found[name].line
            raise BadInput(
                f"{name} must have one line, got line {first} too.", path, line
            )
        found[name] = Transcript(name, text, line)
    if not found:
        raise BadInput("the file must hold a transcript, got none.", path)
    return list(found.values())

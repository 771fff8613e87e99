"""Printing that works on every console."""

import io
import sys
from typing import TextIO


def print_text(text: object, file: TextIO | None = None) -> None:
    """Prints a text, with `?` for each character that the console cannot encode.

    Files, pipes and consoles with an encoding such as cp1252 cannot hold every
    character, and `print` would raise an error in the middle of a training.

    Args:
      text: what to print.
      file: where to; by default standard output.
    """
    file = sys.stdout if file is None else file
    encoding = getattr(file, "encoding", None) or "utf-8"
    encodable = str(text).encode(encoding, "replace").decode(encoding)
    print(encodable, file=file, flush=True)


def replace_unencodable() -> None:
    """Lets `print` of any code, such as that of `--help`, do as `print_text` does."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

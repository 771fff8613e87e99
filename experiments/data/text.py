"""Texts: reading them, cutting them in two, and cutting them into symbols."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from pydoc_data.topics import topics
from typing import TypeVar

from experiments.data.lookup import read_bytes

END_OF_LINE = "<eos>"

Text = TypeVar("Text", bound=Sequence)


def read_text(path: str | Path) -> str:
    """Reads a text in UTF-8, unpacking it if its name ends in `.gz`.

    Line ends are kept as they are.

    Raises:
      ValueError: if the file is empty, cannot be unpacked, or is not UTF-8.
    """
    content = read_bytes(path)
    if not content:
        raise ValueError(f"{path} must hold a text, got an empty file.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} must be UTF-8, "
            f"got byte 0x{content[error.start]:02x} at offset {error.start}."
        ) from None


def pydoc_topics() -> str:
    """Returns the language reference inside Python's `help`, 500,000 characters.

    It differs a little from one version of Python to the next: record its digest.
    """
    return "\n".join(topics[name] for name in sorted(topics))


def text_digest(text: str) -> str:
    """Returns the SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def split(text: Text, train_fraction: float = 0.9) -> tuple[Text, Text]:
    """Cuts a text in two, the second part for validation.

    Args:
      text: a string, or a sequence of words or tokens.
      train_fraction: share of the symbols in the first part, rounded down.

    Returns:
      The first part and the rest.

    Raises:
      ValueError: if one of the parts would be empty.
    """
    length = int(len(text) * train_fraction)
    if not 0 < length < len(text):
        raise ValueError(
            "train_fraction must leave symbols on both sides of the cut, "
            f"got {train_fraction} for {len(text)} symbols."
        )
    return text[:length], text[length:]  # type: ignore[return-value]


def split_words(text: str) -> list[str]:
    r"""Returns the words of a text, with `<eos>` at the end of every line.

    Example:
      >>> split_words("no it was n't\n\nyes\n")
      ['no', 'it', 'was', "n't", '<eos>', '<eos>', 'yes', '<eos>']
    """
    return [word for line in _lines(text) for word in (*line.split(), END_OF_LINE)]


def ptb_characters(text: str) -> list[str]:
    r"""Returns the characters of Penn Treebank as published results count them.

    Blanks at the ends of a line are dropped, those between words become `_`, and
    `<eos>`, one symbol, ends every line. `<unk>` is five characters.

    Example:
      >>> ptb_characters(" no it\n")
      ['n', 'o', '_', 'i', 't', '<eos>']
    """
    return [
        symbol
        for line in _lines(text)
        for symbol in (*line.strip().replace(" ", "_"), END_OF_LINE)
    ]


def _lines(text: str) -> list[str]:
    # not str.splitlines, which also cuts at form feeds and their like
    return text.removesuffix("\n").split("\n") if text else []

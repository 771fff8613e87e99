"""Texts: reading them and splitting them into parts and symbols."""

import codecs
import hashlib
from pydoc_data.topics import topics

from experiments.data.lookup import AnyPath, read_bytes
from experiments.harness.errors import BadInput

END_OF_LINE = "<eos>"


def read_text(path: str | AnyPath, encoding: str = "utf-8") -> str:
    """Reads a text, decompressing it if its name ends in `.gz`.

    Line ends are kept as they are; a byte order mark is dropped.

    Args:
      path: the file.
      encoding: its encoding, by a name that Python knows.

    Returns:
      The text.

    Raises:
      BadInput: if the file holds no text, cannot be decompressed, or is not in this
        encoding.
      ValueError: if there is no such encoding.
    """
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise ValueError(
            f"encoding must be one that Python knows, got {encoding!r}."
        ) from None
    content = read_bytes(path)
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"the file must be {encoding}, got byte 0x{content[error.start]:02x}; "
            "name its encoding.",
            path,
            byte=error.start,
        ) from None
    if not text:
        raise BadInput("the file must hold a text, got an empty one.", path)
    return text


def pydoc_topics() -> str:
    """Returns the language reference behind Python's `help`, 500,000 characters.

    It differs slightly between versions of Python: record its digest.
    """
    return "\n".join(topics[name] for name in sorted(topics))


def text_digest(text: str) -> str:
    """Returns the SHA-256 of a text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def split_words(text: str) -> list[str]:
    r"""Returns the words of a text, with `<eos>` at the end of every line.

    Example:
      >>> split_words("no it was n't\n\nyes\n")
      ['no', 'it', 'was', "n't", '<eos>', '<eos>', 'yes', '<eos>']
    """
    return [word for line in split_lines(text) for word in (*line.split(), END_OF_LINE)]


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
        for line in split_lines(text)
        for symbol in (*line.strip().replace(" ", "_"), END_OF_LINE)
    ]


def split_lines(text: str) -> list[str]:
    r"""Returns the lines of a text, without their ends.

    Only `\n` ends a line, unlike `str.splitlines`, which also splits at form feeds.
    """
    return text.removesuffix("\n").split("\n") if text else []

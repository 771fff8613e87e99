"""Captions of images: a file's name, a tab and a caption per line."""

import re
from typing import NamedTuple

from experiments.data.lookup import AnyPath
from experiments.data.pictures import SUFFIXES, is_picture
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput

NUMBER = re.compile(r"#[0-9]+$")  # of a caption, behind the name, as Flickr8k has it
WORD = re.compile(r"\w+(?:['’-]\w+)*")


class Captioned(NamedTuple):
    """The captions of an image.

    Attributes:
      name: of the image's file, as it was written.
      captions: the captions, at least one, each of one word or more.
      line: number of the line of the first one, from 1.
    """

    name: str
    captions: tuple[str, ...]
    line: int


def words_of(caption: str) -> list[str]:
    """Returns the words of a caption in lower case, without punctuation.

    A word is of letters and digits, of any script, with hyphens and apostrophes inside.

    Example:
      >>> words_of("A black-and-white dog isn't running !")
      ['a', 'black-and-white', 'dog', "isn't", 'running']
    """
    return WORD.findall(caption.lower())


def read_captions(path: AnyPath, encoding: str = "utf-8") -> list[Captioned]:
    """Reads the captions of images, any number of each, in any order of lines.

    What follows `#` after the name of a picture, the number of the caption, is dropped.

    Args:
      path: the file, `name TAB caption` per line; decompressed if its name ends in
        `.gz`.
      encoding: its encoding.

    Returns:
      The images in the order of their first captions.

    Raises:
      BadInput: if a line does not have one tab, its name is not that of a PNG or JPEG
        file, its caption has no word, or there is no line.
    """
    captions: dict[str, list[str]] = {}
    lines: dict[str, int] = {}
    for line, text in enumerate(split_lines(read_text(path, encoding)), 1):
        columns = [column.strip() for column in text.split("\t")]
        if len(columns) != 2:
            raise BadInput(
                "the line must have the name of a file, a tab and a caption, got "
                f"{len(columns) - 1} tabs.",
                path,
                line,
            )
        name, caption = NUMBER.sub("", columns[0]), columns[1]
        if not is_picture(name):
            raise BadInput(
                f"the name must end in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}, "
                f"got {name!r}.",
                path,
                line,
            )
        if not words_of(caption):
            raise BadInput(
                f"the caption must hold a word, got {caption!r}.", path, line
            )
        captions.setdefault(name, []).append(caption)
        lines.setdefault(name, line)
    return [Captioned(name, tuple(own), lines[name]) for name, own in captions.items()]


def read_names(path: AnyPath) -> list[str]:
    """Reads the names of a part's files, one per line.

    Raises:
      BadInput: if a line is empty, or there is none.
    """
    names = [text.strip() for text in split_lines(read_text(path))]
    if "" in names:
        raise BadInput("the line must hold a name.", path, names.index("") + 1)
    return names

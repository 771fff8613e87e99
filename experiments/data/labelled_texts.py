"""Texts with a label each: a table, or a folder of classes."""

import re
from pathlib import Path
from typing import NamedTuple

from experiments.data.lookup import AnyPath
from experiments.data.tables import read_table
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput
from rnnjax.trees import BracketedTree

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
SUFFIXES = (".txt", ".txt.gz")


class LabelledText(NamedTuple):
    """A text and what is to be predicted from it.

    Attributes:
      words: its words, at least one.
      label: the label as it is written in the file.
      path: where the text is from; None: nowhere.
      line: the line there that it ends on, from 1; None: not known.
      tree: its parse tree with a label at every node, "" for a node without one; None:
        it has none.
    """

    words: tuple[str, ...]
    label: str
    path: AnyPath | None = None
    line: int | None = None
    tree: BracketedTree | None = None


def words_of(text: str) -> tuple[str, ...]:
    r"""Returns the words of a text: letters, digits and apostrophes, in lower case.

    Example:
      >>> words_of("Don't go --\n it's 100% bad!")
      ("don't", 'go', "it's", '100', 'bad')
    """
    return tuple(_WORD.findall(text.lower().replace("’", "'").replace("<br />", " ")))


def read_labelled_table(
    path: str | Path, text_column: str, label_column: str, encoding: str = "utf-8"
) -> list[LabelledText]:
    """Reads the texts and labels of a table; see `tables.read_table` for its form.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      text_column: name of the column of texts.
      label_column: name of the column of labels.
      encoding: its encoding.

    Returns:
      The texts in their order. A label may be empty.

    Raises:
      BadInput: if a column is missing, a row has another number of values than the
        header, or a text has no word.
    """
    table = read_table(path, encoding)
    texts, labels = table.column(text_column), table.column(label_column)
    return [
        LabelledText(
            _some_words(text, table.path, line), label.strip(), table.path, line
        )
        for text, label, line in zip(texts, labels, table.lines)
    ]


def read_class_folder(path: str | Path, encoding: str = "utf-8") -> list[LabelledText]:
    """Reads a folder with a text file per class, an example per line.

    A class may be a folder of text files instead, an example per file. The name of the
    class is that of its file, without `.txt` or `.txt.gz`, or of its folder.

    Args:
      path: the folder; files of other names in it are no classes.
      encoding: the encoding of the files.

    Returns:
      The texts, class by class in the order of their names; blank lines are skipped.

    Raises:
      BadInput: if there are fewer than two classes, a class is empty or has a file and
        a folder, or a text has no word.
    """
    path = Path(path)
    classes: dict[str, Path] = {}
    for entry in sorted(path.iterdir()):
        if not entry.is_dir() and not entry.name.endswith(SUFFIXES):
            continue
        name = entry.name if entry.is_dir() else _stem(entry)
        if name in classes:
            raise BadInput(f"the class {name!r} must have one file or folder.", entry)
        classes[name] = entry
    if len(classes) < 2:
        raise BadInput(
            "the folder must hold a .txt file or a folder per class, at least two, "
            f"got {len(classes)}.",
            path,
        )
    texts = []
    for name, entry in classes.items():
        found = _read_class(name, entry, encoding)
        if not found:
            raise BadInput(f"the class {name!r} must have an example, got none.", entry)
        texts += found
    return texts


def _stem(path: Path) -> str:
    return next(
        path.name.removesuffix(suffix)
        for suffix in SUFFIXES
        if path.name.endswith(suffix)
    )


def _read_class(name: str, entry: Path, encoding: str) -> list[LabelledText]:
    if entry.is_dir():
        files = [file for file in sorted(entry.iterdir()) if file.suffix == ".txt"]
        return [
            LabelledText(_some_words(read_text(file, encoding), file), name, file)
            for file in files
        ]
    lines = split_lines(read_text(entry, encoding)) if entry.stat().st_size else []
    return [
        LabelledText(_some_words(text, entry, line), name, entry, line)
        for line, text in enumerate(lines, 1)
        if text.strip()
    ]


def _some_words(text: str, path: AnyPath, line: int | None = None) -> tuple[str, ...]:
    words = words_of(text)
    if not words:
        raise BadInput(f"the text must hold a word, got {text!r}.", path, line)
    return words

"""Pairs of texts: two files that are aligned line by line, or one with tabs."""

from typing import NamedTuple

from experiments.data.lookup import AnyPath
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput


class Pair(NamedTuple):
    """A text and what it becomes.

    Attributes:
      source: the text that is read.
      targets: what may be written, the one to train on first.
    """

    source: str
    targets: tuple[str, ...]


def read_aligned_pairs(
    source_path: str | AnyPath, target_path: str | AnyPath, encoding: str = "utf-8"
) -> list[Pair]:
    """Reads two files whose lines belong together.

    Args:
      source_path: a text per line; decompressed if its name ends in `.gz`.
      target_path: as many lines.
      encoding: the encoding of both.

    Returns:
      The pairs in their order.

    Raises:
      BadInput: if the files have unequal numbers of lines, or a line is empty.
    """
    sources, targets = (
        split_lines(read_text(path, encoding)) for path in (source_path, target_path)
    )
    if len(sources) != len(targets):
        raise BadInput(
            f"the file must have {len(sources)} lines, as {source_path} has, got "
            f"{len(targets)}.",
            target_path,
            min(len(sources), len(targets)) + 1,
        )
    pairs = []
    for line, (source, target) in enumerate(zip(sources, targets), 1):
        for path, text in ((source_path, source), (target_path, target)):
            if not text.strip():
                raise BadInput("the line must not be empty.", path, line)
        pairs.append(Pair(source.strip(), (target.strip(),)))
    return pairs


def read_tab_separated(path: str | AnyPath, encoding: str = "utf-8") -> list[Pair]:
    """Reads a file with a source, a tab and its target per line.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      encoding: its encoding.

    Returns:
      The pairs in their order.

    Raises:
      BadInput: if a line does not have one tab with a text on each side, or there is
        no line.
    """
    pairs = []
    for line, text in enumerate(split_lines(read_text(path, encoding)), 1):
        columns = [column.strip() for column in text.split("\t")]
        if len(columns) != 2:
            raise BadInput(
                f"the line must have a source, a tab and its target, got "
                f"{len(columns) - 1} tabs.",
                path,
                line,
            )
        if not all(columns):
            raise BadInput("source and target must not be empty.", path, line)
        pairs.append(Pair(columns[0], (columns[1],)))
    if not pairs:
        raise BadInput("the file must hold a pair, got none.", path)
    return pairs

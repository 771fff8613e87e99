"""Pairs of texts: aligned files, tabs, pronouncing dictionaries, commands."""

import re
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


def read_pronunciations(path: str | AnyPath) -> list[Pair]:
    """Reads a pronouncing dictionary in the form of CMUdict.

    A line is a word and its phones, separated by blanks; `word(2)` is another way to
    say the word above it, and `#` begins a comment. Stress, a digit at the end of a
    phone, is dropped, and with it ways that differ in nothing else.

    Args:
      path: the file; decompressed if its name ends in `.gz`.

    Returns:
      The words with all their ways, the first one first, in the order of the file.

    Raises:
      BadInput: if a line has no phone, or another way stands without its word.

    References:
      The CMU Pronouncing Dictionary, http://www.speech.cs.cmu.edu/cgi-bin/cmudict.
    """
    ways: dict[str, dict[str, None]] = {}
    for line, text in enumerate(split_lines(read_text(path)), 1):
        entry, *phones = text.partition("#")[0].split() or [""]
        if not entry and "#" in text:
            continue
        if not phones:
            raise BadInput("the line must have a word and its phones.", path, line)
        word = re.sub(r"(?<=.)\(\d+\)$", "", entry)
        if word != entry and word not in ways:
            raise BadInput(f"{entry!r} must come after {word!r}.", path, line)
        way = " ".join(phone.rstrip("0123456789") or phone for phone in phones)
        ways.setdefault(word, {})[way] = None
    if not ways:
        raise BadInput("the file must hold a word, got none.", path)
    return [Pair(word, tuple(found)) for word, found in ways.items()]


def read_commands(path: str | AnyPath) -> list[Pair]:
    """Reads commands and actions in the form of SCAN, `IN: jump twice OUT: JUMP JUMP`.

    Args:
      path: the file; decompressed if its name ends in `.gz`.

    Returns:
      The pairs in their order.

    Raises:
      BadInput: if a line does not have this form.

    References:
      Lake and Baroni, "Generalization without Systematicity: On the Compositional
      Skills of Sequence-to-Sequence Recurrent Networks", ICML 2018.
    """
    pairs = []
    for line, text in enumerate(split_lines(read_text(path)), 1):
        command, _, actions = text.strip().partition(" OUT: ")
        source, target = command.removeprefix("IN: ").strip(), actions.strip()
        if not command.startswith("IN: ") or not source or not target:
            raise BadInput("the line must be `IN: command OUT: actions`.", path, line)
        pairs.append(Pair(source, (target,)))
    return pairs

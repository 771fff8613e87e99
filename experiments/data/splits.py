"""The rule that splits one file into training, validation and test data.

Independent lines are split 80/10/10 by a checksum of the line, so equal lines are
always in the same part and adding lines moves none of the others. A stream or a series
is split by place: the first 80 percent, the next 10, the last 10.
"""

import zlib
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

Stream = TypeVar("Stream", bound=Sequence)
Part = Literal["train", "validation", "test"]


def part_of_line(line: str) -> Part:
    """Returns the part that a line belongs to: CRC-32 modulo 10 is 8, 9 or less.

    Example:
      >>> [part_of_line(line) for line in ("a", "g", "h")]
      ['train', 'validation', 'test']
    """
    remainder = zlib.crc32(line.encode()) % 10
    if remainder < 8:
        return "train"
    return "validation" if remainder == 8 else "test"


def split_independent(lines: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Splits independent lines into training, validation and test lines.

    Args:
      lines: the lines; a sentence pair or a labelled text is one line.

    Returns:
      The lines of each part, in their order.
    """
    parts: dict[Part, list[str]] = {"train": [], "validation": [], "test": []}
    for line in lines:
        parts[part_of_line(line)].append(line)
    return parts["train"], parts["validation"], parts["test"]


def split_by_place(
    stream: Stream, train_fraction: float = 0.8
) -> tuple[Stream, Stream, Stream]:
    """Cuts a stream into training, validation and test parts.

    Args:
      stream: a text, or a sequence of words, tokens or measurements.
      train_fraction: share of the first part; the rest is cut in half.

    Returns:
      The parts.

    Raises:
      ValueError: if a part would be empty.
    """
    train, rest = split_in_two(stream, train_fraction)
    return (train, *split_in_two(rest, 0.5))


def split_in_two(stream: Stream, train_fraction: float) -> tuple[Stream, Stream]:
    """Cuts a stream into training and validation parts.

    Args:
      stream: as for `split_by_place`.
      train_fraction: share of the first part, rounded down.

    Returns:
      The first part and the rest.

    Raises:
      ValueError: if one of the parts would be empty.
    """
    length = int(len(stream) * train_fraction)
    if not 0 < length < len(stream):
        raise ValueError(
            f"the data are too short to be split: a share of {train_fraction:g} of "
            f"{len(stream)} symbols leaves one side empty."
        )
    return stream[:length], stream[length:]  # type: ignore[return-value]

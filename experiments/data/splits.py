"""The rule that splits one file into training, validation and test data.

Independent lines are split 80/10/10 by a checksum of the line, so equal lines are
always in the same part and adding lines moves none of the others. A stream or a series
is split by place: the first 80 percent, the next 10, the last 10. Where a data set is
too small for that, `folds_by_group` makes folds for a cross-validation.
"""

import zlib
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
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


def folds_by_group(
    groups: Sequence[Hashable], weights: Sequence[float], num_folds: int
) -> list[int]:
    """Assigns examples to folds of about equal weight, equal groups to the same one.

    The groups, the heaviest first, are given to the fold that is the lightest so far.

    Args:
      groups: what must not be in two folds, of each example: its speaker, or itself.
      weights: the weight of each example, such as its length.
      num_folds: number of folds.

    Returns:
      The fold of each example, from 0.

    Raises:
      ValueError: if there are fewer groups than folds.

    Example:
      >>> folds_by_group("abacbd", [1, 1, 1, 3, 1, 1], num_folds=2)
      [1, 1, 1, 0, 1, 0]
    """
    total = defaultdict(float)
    for group, weight in zip(groups, weights, strict=True):
        total[group] += weight
    if len(total) < num_folds:
        raise ValueError(
            f"num_folds must be at most {len(total)}, the number of groups, "
            f"got {num_folds}."
        )
    in_fold = [0.0] * num_folds
    fold_of = {}
    for group in sorted(total, key=lambda group: -total[group]):  # stable
        fold_of[group] = in_fold.index(min(in_fold))
        in_fold[fold_of[group]] += total[group]
    return [fold_of[group] for group in groups]


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

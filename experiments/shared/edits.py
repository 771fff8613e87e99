"""Edit distances and error rates, with their parts."""

from collections.abc import Sequence
from typing import NamedTuple


class Edits(NamedTuple):
    """The fewest changes that turn what was written into the truth.

    Attributes:
      substitutions, deletions, insertions: symbols that are wrong, that are missing,
        and that are too many.
    """

    substitutions: int
    deletions: int
    insertions: int

    @property
    def total(self) -> int:
        """The edit distance."""
        return sum(self)


def edits(true: Sequence, written: Sequence) -> Edits:
    """Counts the edits between two sequences of symbols.

    Among equally short ways the one with the most substitutions counts.

    References:
      Levenshtein, "Binary codes capable of correcting deletions, insertions, and
      reversals", 1966.

    Example:
      >>> tuple(edits("kitten", "sitting")), tuple(edits("abc", "b"))
      ((2, 0, 1), (0, 2, 0))
    """
    # A row is a list of (distance, deletions + insertions, deletions, insertions).
    row = [(j, j, 0, j) for j in range(len(written) + 1)]
    for i, symbol in enumerate(true, 1):
        above, row = row, [(i, i, i, 0)]
        for j, other in enumerate(written, 1):
            same = symbol == other
            d, g, n, m = above[j - 1]
            diagonal = (d + (not same), g, n, m)
            d, g, n, m = above[j]
            deletion = (d + 1, g + 1, n + 1, m)
            d, g, n, m = row[j - 1]
            insertion = (d + 1, g + 1, n, m + 1)
            row.append(min(diagonal, deletion, insertion))
    distance, gaps, deletions, insertions = row[-1]
    return Edits(distance - gaps, deletions, insertions)


class ErrorRate(NamedTuple):
    """Edits of many sequences over the number of true symbols.

    Attributes:
      rate: all edits per true symbol.
      substitutions, deletions, insertions: the parts of it.
      sequences: share of the sequences that have any error.
    """

    rate: float
    substitutions: float
    deletions: float
    insertions: float
    sequences: float


def error_rate(
    references: Sequence[Sequence[Sequence]], written: Sequence[Sequence]
) -> ErrorRate:
    """Computes the error rate; of several references the nearest one counts.

    Args:
      references: for each sequence those that are right, at least one.
      written: as many sequences.

    Returns:
      The rate and its parts.

    Raises:
      ValueError: if there is no true symbol, or the numbers of sequences differ.
    """
    total, counts, num_wrong = 0, [0, 0, 0], 0
    for rights, own in zip(references, written, strict=True):
        length, best = min(
            ((len(right), edits(right, own)) for right in rights),
            key=lambda found: found[1].total / max(found[0], 1),
        )
        total += length
        num_wrong += best.total > 0
        counts = [count + number for count, number in zip(counts, best)]
    if not total:
        raise ValueError("references must hold a symbol, got none.")
    wrong, missing, extra = (count / total for count in counts)
    share = num_wrong / len(written)
    return ErrorRate(wrong + missing + extra, wrong, missing, extra, share)

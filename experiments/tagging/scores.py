"""Scores of taggings: tokens that are right, and spans that are right as a whole."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple


class Span(NamedTuple):
    """A chunk of words with one type, from word `start` to before word `end`."""

    start: int
    end: int
    type: str


class SpanScores(NamedTuple):
    """How many of the spans are right.

    Attributes:
      num_found: spans that were predicted.
      num_true: spans that there are.
      num_right: predicted spans whose place and type are those of a true one.
    """

    num_found: int = 0
    num_true: int = 0
    num_right: int = 0

    @property
    def precision(self) -> float:
        """Share of the predicted spans that are right; 0 if there are none."""
        return self.num_right / self.num_found if self.num_found else 0.0

    @property
    def recall(self) -> float:
        """Share of the true spans that were found; 0 if there are none."""
        return self.num_right / self.num_true if self.num_true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 if no span is right."""
        total = self.num_found + self.num_true
        return 2 * self.num_right / total if total else 0.0


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Finds the spans of a tag sequence as conlleval does.

    A tag is a prefix and a type, `B-NP`; a tag without a hyphen, such as `O`, is
    outside unless its prefix is one of B, I, E and S. A span begins at B or S, after E
    or S, after an outside tag, and where the type changes: `I-NP` after `O` begins one.

    References:
      Tjong Kim Sang and Buchholz, "Introduction to the CoNLL-2000 Shared Task:
      Chunking", 2000, and its program conlleval.

    Example:
      >>> [tuple(span) for span in spans_of(["B-NP", "I-NP", "I-VP", "O", "I-NP"])]
      [(0, 2, 'NP'), (2, 3, 'VP'), (4, 5, 'NP')]
    """
    found: list[Span] = []
    start, last_prefix, last_type = 0, "O", ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, type_ = tag.partition("-")
        inside = prefix in ("B", "I", "E", "S")
        begins = prefix in ("B", "S") or last_prefix in ("E", "S", "O")
        changes = begins or type_ != last_type or not inside
        if last_prefix != "O" and changes:
            found.append(Span(start, i, last_type))
        if inside and changes:
            start = i
        last_prefix, last_type = (prefix, type_) if inside else ("O", "")
    return found


def score_spans(
    true: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> dict[str, SpanScores]:
    """Counts the spans of sentences.

    Args:
      true: the tags of every sentence.
      predicted: as many tags for every sentence.

    Returns:
      The scores of each type of span, in alphabetical order, after those of all types
      together, which have the name "".
    """
    counts = [Counter() for _ in range(3)]  # found, true, right
    for their_tags, our_tags in zip(true, predicted, strict=True):
        theirs, ours = set(spans_of(their_tags)), set(spans_of(our_tags))
        for counter, spans in zip(counts, (ours, theirs, ours & theirs)):
            counter.update(span.type for span in spans)
    types = sorted(counts[0] | counts[1])
    by_type = {
        type_: SpanScores(*(count[type_] for count in counts)) for type_ in types
    }
    return {"": SpanScores(*(count.total() for count in counts)), **by_type}


def spans_table(scores: Mapping[str, SpanScores]) -> str:
    """Returns a table of what `score_spans` counted, the most frequent type first."""
    names = {type_: type_ or "all spans" for type_ in scores}
    width = max(map(len, (*names.values(), "span")))
    lines = [f"{'span':{width}} precision recall     f1  count"]
    for type_, own in sorted(scores.items(), key=lambda item: -item[1].num_true):
        lines.append(
            f"{names[type_]:{width}} {own.precision:9.3f} {own.recall:6.3f} "
            f"{own.f1:6.3f} {own.num_true:6d}"
        )
    return "\n".join(lines)


def has_spans(tags: Iterable[str]) -> bool:
    """Returns whether tags are those of spans: some `B-` or `I-` and else `O`."""
    tags = set(tags)
    return any(tag[:2] in ("B-", "I-", "S-") for tag in tags) and all(
        tag == "O" or tag[1:2] == "-" for tag in tags
    )


def accuracy(
    true: Iterable[Sequence[str]], predicted: Iterable[Sequence[str]]
) -> float:
    """Returns the share of words whose tag is right."""
    pairs = [
        their_tag == our_tag
        for their_tags, our_tags in zip(true, predicted, strict=True)
        for their_tag, our_tag in zip(their_tags, our_tags, strict=True)
    ]
    return sum(pairs) / len(pairs)

"""Which tags may follow which, found in the training sentences."""

from collections.abc import Sequence

from experiments.data.sentences import Sentence
from experiments.tagging.scores import has_spans
from rnnjax.losses.tag_constraints import (
    Constraints,
    bio_constraints,
    bioes_constraints,
)

SCHEMES = {"bio": bio_constraints, "bioes": bioes_constraints}


def scheme_of(tags: Sequence[str], sentences: Sequence[Sentence]) -> str:
    """Returns the scheme that all sentences follow.

    Args:
      tags: the tags, in the order of their numbers.
      sentences: the training sentences.

    Returns:
      "bio" or "bioes"; "none" if the tags are not those of spans, or some sentence
      follows neither.
    """
    if not has_spans(tags):
        return "none"
    used = {
        pair
        for sentence in sentences
        for pair in zip((None, *sentence.tags), (*sentence.tags, None))
    }
    for scheme, make in SCHEMES.items():
        try:
            constraints = make(tags)
        except ValueError:  # a prefix that the scheme does not know
            continue
        if all(_is_allowed(constraints, *pair) for pair in used):
            return scheme
    return "none"


def constraints_of(scheme: str, tags: Sequence[str]) -> Constraints | None:
    """Returns the constraints of a scheme, as `scheme_of` names it; None for "none"."""
    return None if scheme == "none" else SCHEMES[scheme](tags)


def _is_allowed(constraints: Constraints, before: str | None, after: str | None):
    index = constraints.tags.index
    if before is None:
        return after is None or constraints.start[index(after)]
    if after is None:
        return constraints.end[index(before)]
    return constraints.transitions[index(before)][index(after)]

"""Which tag may follow which: BIO, BIOES and their relatives."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

MayFollow = Callable[[str | None, str | None], bool]

_BEGIN, _INSIDE, _END, _SINGLE = "B", "IM", "EL", "SUW"


class Constraints(NamedTuple):
    """What a sequence of tags may be, as tuples, so that it can be an option.

    Attributes:
      tags: the names of the N tags.
      start: whether each may be the first.
      transitions: `transitions[i][j]`: whether tag j may follow tag i.
      end: whether each may be the last.
    """

    tags: tuple[str, ...]
    start: tuple[bool, ...]
    transitions: tuple[tuple[bool, ...], ...]
    end: tuple[bool, ...]


def tag_constraints(tags: Sequence[str], may_follow: MayFollow) -> Constraints:
    """Makes constraints from a rule about neighbours.

    Args:
      tags: names of the tags, in the order of their indices.
      may_follow: `(before, after) -> bool`; `before` is None at the start of a
        sequence and `after` at its end.

    Raises:
      ValueError: if there is no tag, or one is there twice.

    Example:
      >>> found = tag_constraints(("a", "b"), lambda before, after: before != after)
      >>> found.transitions
      ((False, True), (True, False))
    """
    tags = tuple(tags)
    if not tags or len(set(tags)) != len(tags):
        raise ValueError(f"tags must be different names, got {tags}.")
    return Constraints(
        tags,
        tuple(bool(may_follow(None, tag)) for tag in tags),
        tuple(tuple(bool(may_follow(x, y)) for y in tags) for x in tags),
        tuple(bool(may_follow(tag, None)) for tag in tags),
    )


def bio_constraints(tags: Sequence[str]) -> Constraints:
    """Makes the constraints of BIO tags (IOB2).

    `I-X` may follow `B-X` and `I-X` only; everything else is allowed.

    Args:
      tags: such as `("O", "B-PER", "I-PER")`, in the order of their indices.

    Raises:
      ValueError: if a tag is not of that form, or is there twice.

    Example:
      >>> bio_constraints(("O", "B-PER", "I-PER")).start
      (True, True, False)
    """
    kinds = {tag: _split(tag, _BEGIN + "I") for tag in tags}

    def may_follow(before, after):
        prefix, kind = kinds.get(before, ("O", ""))
        next_prefix, next_kind = kinds.get(after, ("O", ""))
        return next_prefix != "I" or (prefix in ("B", "I") and kind == next_kind)

    return tag_constraints(tags, may_follow)


def bioes_constraints(tags: Sequence[str]) -> Constraints:
    """Makes the constraints of BIOES tags, also spelled BIOUL, BILOU, BMES or BMEWO.

    An entity is a single `S-X` (or `U`, `W`), or `B-X`, any number of `I-X` (or `M`)
    and `E-X` (or `L`). Without types the tags are `B`, `I`, `E` and `S` alone.

    Args:
      tags: such as `("O", "B-PER", "I-PER", "E-PER", "S-PER")`, in the order of their
        indices.

    Raises:
      ValueError: if a tag is not of that form, or is there twice.

    Example:
      >>> found = bioes_constraints(("O", "B-PER", "I-PER", "L-PER", "U-PER"))
      >>> found.start
      (True, True, False, False, True)
      >>> found.end
      (True, False, False, True, True)
    """
    kinds = {tag: _split(tag, _BEGIN + _INSIDE + _END + _SINGLE) for tag in tags}

    def may_follow(before, after):
        prefix, kind = kinds.get(before, ("O", ""))
        next_prefix, next_kind = kinds.get(after, ("O", ""))
        opened = prefix in _BEGIN + _INSIDE
        continued = next_prefix in _INSIDE + _END
        return opened == continued and (not opened or kind == next_kind)

    return tag_constraints(tags, may_follow)


def _split(tag, prefixes):
    """Splits a tag into its prefix and its type."""
    prefix, _, kind = tag.partition("-")
    if tag != "O" and (len(prefix) != 1 or prefix not in prefixes):
        raise ValueError(
            f"tags must be O or begin with one of {', '.join(prefixes)}, got {tag!r}."
        )
    return prefix, kind

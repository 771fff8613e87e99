"""Values chosen by name on the command line."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


def look_up(what: str, name: str, known: Mapping[str, T]) -> T:
    """Returns the value of a name.

    Args:
      what: what the name stands for, for the message.
      name: the name.
      known: the values by name.

    Raises:
      ValueError: if the name is unknown; see `check_known`.
    """
    check_known(what, name, known)
    return known[name]


def check_known(what: str, name: str, known: Iterable[str]) -> None:
    """Checks that a name is known.

    Raises:
      ValueError: if not; the message has the closest names, or all if none is close.
    """
    names = list(known)
    if name not in names:
        close = get_close_matches(name, names)
        expected = " or ".join(close) or f"one of {', '.join(names)}"
        raise ValueError(f"{what} must be {expected}, got {name!r}.")

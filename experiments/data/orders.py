"""Sets of elements and orders of them, one set per line.

    0.1 0.2 0.7 0.1 0.4 0.9 output 1 2 3 1

First the numbers of all elements, one element after the other, then the word `output`
and the places of the elements in their order, counted from 1. So are the public convex
hulls, triangulations and tours of Vinyals et al. (2015).
"""

from typing import NamedTuple

import numpy as np

from experiments.data.lookup import AnyPath
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput

WORD = "output"


class Ordered(NamedTuple):
    """A set and an order of some or all of its elements.

    Attributes:
      elements: `[S, element_size]` float32.
      order: the indices of the elements in their order, from 0.
    """

    elements: np.ndarray
    order: tuple[int, ...]


def read_orders(
    path: str | AnyPath, element_size: int, *, once: bool, encoding: str = "utf-8"
) -> list[Ordered]:
    """Reads a file of sets and their orders.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      element_size: numbers per element.
      once: whether no element may be named twice. The last one may be the first again,
        which closes a hull or a tour; it is left out then.
      encoding: its encoding.

    Returns:
      The sets in the order of their lines.

    Raises:
      BadInput: if a line is not like this, or there is no line.
    """
    found = []
    for line, text in enumerate(split_lines(read_text(path, encoding)), 1):
        numbers, word, places = text.partition(WORD)
        if not word:
            raise BadInput(
                f"the line must have the word {WORD} and an order after the numbers, "
                "got none.",
                path,
                line,
            )
        try:
            elements = parse_elements(numbers, element_size)
            order = parse_order(places, len(elements), once=once)
        except ValueError as error:
            raise BadInput(str(error), path, line) from None
        found.append(Ordered(elements, order))
    if not found:
        raise BadInput("the file must hold a set, got none.", path)
    return found


def parse_elements(text: str, element_size: int) -> np.ndarray:
    """Reads the numbers of a set.

    Args:
      text: the numbers, separated by blanks.
      element_size: numbers per element.

    Returns:
      `[S, element_size]` float32.

    Raises:
      ValueError: if something is no finite number, there is none, or the last element
        is not complete.

    Example:
      >>> parse_elements("0.5 1 2 3e-1", 2).tolist()
      [[0.5, 1.0], [2.0, 0.30000001192092896]]
    """
    numbers = [_parse_number(word) for word in text.split()]
    if not numbers or len(numbers) % element_size:
        raise ValueError(
            f"the numbers must be {element_size} per element, of one element or more, "
            f"got {len(numbers)}."
        )
    return np.array(numbers, np.float32).reshape(-1, element_size)


def _parse_number(word: str) -> np.float32:
    try:
        with np.errstate(over="ignore"):
            number = np.float32(float(word))
    except ValueError:
        number = np.float32(np.nan)
    if not np.isfinite(number):
        raise ValueError(f"an element must be of finite numbers, got {word!r}.")
    return number


def parse_order(text: str, num_elements: int, *, once: bool) -> tuple[int, ...]:
    """Reads the places of an order.

    Args:
      text: the places, from 1, separated by blanks.
      num_elements: elements of the set.
      once: see `read_orders`.

    Returns:
      The indices of the elements, from 0.

    Raises:
      ValueError: if there is no place, or something is no place of an element, or
        names one again.

    Example:
      >>> parse_order("3 1 2 3", 4, once=True)
      (2, 0, 1)
    """
    words = text.split()
    for word in words:
        # Short, since a huge number takes long to convert.
        is_place = word.isascii() and word.isdigit() and len(word) < 10
        if not is_place or not 1 <= int(word) <= num_elements:
            raise ValueError(
                f"the order must be of places from 1 to {num_elements}, got {word!r}."
            )
    order = [int(word) - 1 for word in words]
    if not order:
        raise ValueError("the order must name an element, got none.")
    if once:
        if len(order) > 1 and order[-1] == order[0]:
            order.pop()
        twice = [place + 1 for i, place in enumerate(order) if place in order[:i]]
        if twice:
            raise ValueError(f"the order must name no place twice, got {twice[0]}.")
    return tuple(order)

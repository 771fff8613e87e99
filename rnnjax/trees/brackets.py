"""Trees written in brackets or as nested tuples."""

import re
from typing import Any, NamedTuple

_PIECE = re.compile(
    r"\(\s*(?P<label>[^\s()]*)|(?P<close>\))|(?P<token>[^\s()]+)", re.ASCII
)


class BracketedTree(NamedTuple):
    """A tree that was read, its nodes in the order of their opening brackets.

    Attributes:
      labels: the label of every node.
      tokens: the token of every leaf, None for other nodes.
      parents: the parent of every node, -1 for the root, which is node 0.
    """

    labels: tuple[str, ...]
    tokens: tuple[str | None, ...]
    parents: tuple[int, ...]


def parse_brackets(text: str) -> BracketedTree:
    r"""Reads a tree such as `(3 (2 It) (4 good))`, as tree banks write them.

    A bracket holds a label, and then a token or at least one bracket. Brackets inside a
    token are written otherwise, such as `-LRB-`; tokens are given as they stand.

    Args:
      text: one tree.

    Returns:
      Its labels, tokens and parents.

    Raises:
      ValueError: if the text is no such tree; the message names the position, counted
        in characters from 0.

    Example:
      >>> tree = parse_brackets("(3 (2 It) (4 (3 very) (3 good)))")
      >>> tree.labels
      ('3', '2', '4', '3', '3')
      >>> tree.tokens
      (None, 'It', None, 'very', 'good')
      >>> tree.parents
      (-1, 0, 0, 2, 2)
    """
    labels, tokens, parents = [], [], []
    opened = []  # the nodes whose bracket is open, the innermost last
    for piece in _PIECE.finditer(text):
        kind = str(piece.lastgroup)
        problem = _problem(kind, piece[kind], opened, tokens)
        if problem:
            raise ValueError(
                f"text must {problem}, got {piece[0]!r} at position {piece.start()}."
            )
        if kind == "label":
            parents.append(opened[-1] if opened else -1)
            opened.append(len(labels))
            labels.append(piece["label"])
            tokens.append(None)
        elif kind == "token":
            tokens[opened[-1]] = piece["token"]
        else:
            opened.pop()
    if opened or not labels:
        problem = "close its brackets" if opened else "begin with '('"
        raise ValueError(f"text must {problem}, got its end at position {len(text)}.")
    return BracketedTree(tuple(labels), tuple(tokens), tuple(parents))


def _problem(kind, piece, opened, tokens):
    """Says what the text must do that this piece does not, or None."""
    if not opened:
        if tokens:
            return "end after one tree"
        if kind != "label":
            return "begin with '('"
    innermost = opened[-1] if opened else None
    has_token = opened and tokens[innermost] is not None
    is_empty = not has_token and innermost == len(tokens) - 1
    if kind == "label" and not piece:
        return "have a label after '('"
    if kind == "label" and has_token:
        return "have ')' after a token"
    if kind == "token" and not is_empty:
        return "have one token, or brackets, after a label"
    if kind == "close" and is_empty:
        return "have a token or a bracket after a label"
    return None


def flatten_nested(nested: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Numbers the nodes of a tree written as nested tuples or lists.

    Args:
      nested: a tuple or list holds a node's children; anything else is a leaf.

    Returns:
      The parent of every node, -1 for the root, which is node 0; and the leaves
      themselves, None for other nodes. A node comes before its children, and they in
      their order.

    Raises:
      ValueError: if a tuple or list is empty.

    Example:
      >>> flatten_nested(("It", ("very", "good")))
      ((-1, 0, 0, 2, 2), (None, 'It', None, 'very', 'good'))
    """
    parents, leaves = [], []
    waiting = [(nested, -1)]
    while waiting:
        node, parent = waiting.pop()
        is_inner = isinstance(node, tuple | list)
        if is_inner:
            if not node:
                raise ValueError(f"nested must have no empty node, got {node!r}.")
            waiting.extend((child, len(parents)) for child in reversed(node))
        parents.append(parent)
        leaves.append(None if is_inner else node)
    return tuple(parents), tuple(leaves)

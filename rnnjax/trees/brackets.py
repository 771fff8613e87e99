"""Trees written in brackets or as nested tuples."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

_PIECE = re.compile(r"(?P<open>\()|(?P<close>\))|(?P<word>[^\s()]+)", re.ASCII)
_ESCAPES = {
    "-LRB-": "(",
    "-RRB-": ")",
    "-LSB-": "[",
    "-RSB-": "]",
    "-LCB-": "{",
    "-RCB-": "}",
}


class BracketedTree(NamedTuple):
    """A tree read from brackets, its nodes in the order of their opening brackets.

    Attributes:
      labels: the label of every node, "" for a node without one.
      tokens: the token of every leaf, None for other nodes.
      parents: the parent of every node, -1 for the root, which is node 0.
    """

    labels: tuple[str, ...]
    tokens: tuple[str | None, ...]
    parents: tuple[int, ...]


def parse_brackets(text: str, *, labelled: bool = True) -> BracketedTree:
    r"""Parses one tree such as `(3 (2 It) (4 good))`; see `parse_tree_bank`.

    Args:
      text: one tree, on any number of lines.
      labelled: whether the first word in a bracket is its label.

    Returns:
      Its labels, tokens and parents.

    Raises:
      ValueError: if the text is not one tree; the message names the position, counted
        in characters from 0, and the line, counted from 1.

    Example:
      >>> tree = parse_brackets("(3 (2 It) (4 (3 very) (3 good)))")
      >>> tree.labels
      ('3', '2', '4', '3', '3')
      >>> tree.tokens
      (None, 'It', None, 'very', 'good')
      >>> tree.parents
      (-1, 0, 0, 2, 2)
    """
    trees = _trees(text, labelled, single=True)
    tree = next(trees, None)
    if tree is None:
        _refuse("begin with '('", text, len(text))
    for _ in trees:
        pass  # raises at whatever follows
    return tree


def parse_tree_bank(text: str, *, labelled: bool = True) -> list[BracketedTree]:
    r"""Parses any number of trees, as tree banks write them.

    A bracket holds an optional label and then a token or at least one bracket. Also
    accepted are

    - an unlabelled bracket around a whole tree, `( (S ...))`, which is dropped,
    - a token in a bracket of its own, `(NN (word))`, which is read as `(NN word)`,
    - lines between trees that begin with `*` or `<`, which are skipped.

    Tokens are returned as written: brackets inside a token are written as `-LRB-` and
    `-RRB-`, see `unescape_token`.

    Args:
      text: the trees, each on any number of lines.
      labelled: whether the first word in a bracket is its label. If not, every word is
        a leaf, as in the binary parses of SNLI, `( ( A man ) ( sleeps . ) )`.

    Returns:
      The trees in the order of the text; none if there are none.

    Raises:
      ValueError: if the text is not a sequence of trees; the message names the
        position, counted in characters from 0, and the line, counted from 1.

    Example:
      >>> text = '''
      ... ( (S (NP (PRP It))
      ...      (VP (VBZ rains))))
      ... (S (VB Stop))'''
      >>> first, second = parse_tree_bank(text)
      >>> first.labels
      ('S', 'NP', 'PRP', 'VP', 'VBZ')
      >>> second.tokens
      (None, 'Stop')
      >>> (tree,) = parse_tree_bank("( ( A man ) sleeps )", labelled=False)
      >>> tree.tokens
      (None, None, 'A', 'man', 'sleeps')
    """
    return list(_trees(text, labelled, single=False))


def unescape_token(token: str) -> str:
    r"""Returns a token as plain text writes it: `-LRB-` as "(", `\/` as "/".

    Example:
      >>> [unescape_token(token) for token in ("-LRB-", r"and\/or", "word")]
      ['(', 'and/or', 'word']
    """
    return _ESCAPES.get(token) or token.replace(r"\/", "/").replace(r"\*", "*")


def _trees(text: str, labelled: bool, single: bool) -> Iterator[BracketedTree]:
    """Yields the trees of a text; only one may follow its beginning if `single`."""
    builder, skipped_to, count = _Builder(text, labelled), 0, 0
    for piece in _PIECE.finditer(text):
        if piece.start() < skipped_to:
            continue
        if not builder.opened:
            if single and count:
                _refuse("end after one tree", text, piece)
            if not single and piece[0][0] in "*<":
                end = text.find("\n", piece.start())
                skipped_to = len(text) if end < 0 else end
                continue
            if piece[0] != "(":
                _refuse("begin with '('", text, piece)
            builder = _Builder(text, labelled)
        builder.add(piece)
        if not builder.opened:
            count += 1
            yield builder.tree()
    if builder.opened:
        _refuse("close its brackets", text, len(text))


class _Builder:
    """Builds one tree, piece by piece."""

    def __init__(self, text, labelled):
        self.text, self.labelled = text, labelled
        self.labels, self.tokens, self.parents, self.starts = [], [], [], []
        self.opened = []  # the nodes whose bracket is open, the innermost last
        self.closed_tokens = {}  # by node, the end of the bracket around its token

    def add(self, piece):
        if piece[0] == "(":
            self._open(piece)
        elif piece[0] == ")":
            self._close(piece)
        else:
            self._read(piece)

    def tree(self):
        """Returns the tree without an unlabelled bracket around the whole."""
        drop = 0
        if self.labelled:
            while self.labels[drop] == "" and self.parents.count(drop) == 1:
                drop += 1
        parents = [parent - drop for parent in self.parents[drop:]]
        parents[0] = -1
        labels, tokens = self.labels[drop:], self.tokens[drop:]
        return BracketedTree(tuple(labels), tuple(tokens), tuple(parents))

    def _open(self, piece):
        parent = self.opened[-1] if self.opened else -1
        if parent in self.closed_tokens:
            problem = "have a token or a bracket after a label"
            _refuse(problem, self.text, self.closed_tokens[parent])
        if parent >= 0 and self.tokens[parent] is not None:
            _refuse("have ')' after a token", self.text, piece)
        self.opened.append(len(self.labels))
        self._append("", None, parent, piece)

    def _read(self, piece):
        node = self.opened[-1]
        if not self.labelled:
            self._append("", piece[0], node, piece)
        elif self._is_empty(node) and not self.labels[node]:
            self.labels[node] = piece[0]
        elif self._is_empty(node):
            self.tokens[node] = piece[0]
        else:
            problem = "have one token, or brackets, after a label"
            _refuse(problem, self.text, piece)

    def _close(self, piece):
        node = self.opened.pop()
        if not self._is_empty(node):
            return
        if not self.labels[node]:
            problem = "have a label, a token or a bracket after '('"
            _refuse(problem, self.text, self.starts[node])
        parent = self.parents[node]
        if parent < 0 or node != parent + 1:
            _refuse("have a token or a bracket after a label", self.text, piece)
        self.tokens[parent] = self.labels[node]
        self.closed_tokens[parent] = piece
        for values in (self.labels, self.tokens, self.parents, self.starts):
            values.pop()

    def _append(self, label, token, parent, piece):
        self.labels.append(label)
        self.tokens.append(token)
        self.parents.append(parent)
        self.starts.append(piece)

    def _is_empty(self, node):
        return self.tokens[node] is None and node == len(self.labels) - 1


def _refuse(problem: str, text: str, place: re.Match | int) -> NoReturn:
    """Raises the error at a piece of the text, or at its end."""
    if isinstance(place, re.Match):
        got, position = repr(place[0]), place.start()
    else:
        got, position = "its end", place
    line = text.count("\n", 0, position) + 1
    raise ValueError(
        f"text must {problem}, got {got} at position {position} (line {line})."
    )


def flatten_nested(nested: Any) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Numbers the nodes of a tree written as nested tuples or lists.

    Args:
      nested: a tuple or list holds a node's children; anything else is a leaf.

    Returns:
      The parent of every node, -1 for the root, which is node 0; and the leaves
      themselves, None for other nodes. A node comes before its children, and children
      are in their order.

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

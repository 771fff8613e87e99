"""Texts as parse trees with labels at their nodes."""

from pathlib import Path

from experiments.data.labelled_texts import LabelledText
from experiments.data.lookup import AnyPath
from experiments.data.text import read_text, split_lines
from experiments.harness.errors import BadInput
from rnnjax.trees import BracketedTree, parse_tree_bank, unescape_token

BINARY = {"0": "negative", "1": "negative", "2": "", "3": "positive", "4": "positive"}


def read_labelled_trees(
    path: AnyPath, *, is_binary: bool = False, encoding: str = "utf-8"
) -> list[LabelledText]:
    """Reads trees in brackets, such as `(3 (2 It) (4 good))`.

    The label of a text is that of its root; its words, those of the leaves, are read in
    lower case.

    Args:
      path: the file; decompressed if its name ends in `.gz`.
      is_binary: whether the labels are those of the Stanford Sentiment Treebank, to be
        made `negative` (0 and 1) or `positive` (3 and 4). Neutral sentences (2) are
        left out, and neutral nodes of the others have no label.
      encoding: its encoding.

    Returns:
      The texts with their trees, in their order.

    Raises:
      BadInput: if the file is not a sequence of trees, holds none, or has other labels
        than 0 to 4 that are to be made binary.

    References:
      Socher et al., "Recursive Deep Models for Semantic Compositionality Over a
      Sentiment Treebank", EMNLP 2013.
    """
    content = read_text(path, encoding)
    try:
        trees = parse_tree_bank(content)
    except ValueError as error:
        raise BadInput(str(error), path) from None
    if not trees:
        raise BadInput("the file must hold a tree, got none.", path)
    lines = [i for i, line in enumerate(split_lines(content), 1) if line.strip()]
    if len(lines) != len(trees):  # not a tree per line
        lines = [None] * len(trees)
    texts = []
    for tree, line in zip(trees, lines):
        if is_binary:
            tree = _binary(tree, path, line)
        if tree.labels[0] or not is_binary:
            texts.append(text_of_tree(tree, Path(str(path)), line))
    return texts


def text_of_tree(
    tree: BracketedTree, path: Path | None = None, line: int | None = None
) -> LabelledText:
    """Returns a tree as a text, with its words in lower case."""
    words = [token and unescape_token(token).lower() for token in tree.tokens]
    tree = tree._replace(tokens=tuple(words))
    leaves = tuple(word for word in words if word is not None)
    return LabelledText(leaves, tree.labels[0], path, line, tree)


def _binary(tree: BracketedTree, path: AnyPath, line: int | None) -> BracketedTree:
    unknown = set(tree.labels) - set(BINARY)
    if unknown:
        raise BadInput(
            f"labels must be from 0 to 4 to be made binary, got {min(unknown)!r}.",
            path,
            line,
        )
    return tree._replace(labels=tuple(BINARY[label] for label in tree.labels))

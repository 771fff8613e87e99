"""Batches of trees, whose nodes all have labels."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.classification.batches import Batch, Batches
from experiments.classification.loading import TextFlags
from experiments.classification.targets import Symbols, encode_targets
from experiments.data.labelled_texts import LabelledText
from experiments.data.labelled_trees import text_of_tree
from experiments.data.vocabulary import UNKNOWN
from experiments.harness import BadInput
from experiments.shared import buckets as bucketing
from experiments.shared.answering import round_up
from experiments.shared.buckets import Buckets
from rnnjax.trees import BracketedTree, Trees, TreeSizes, batch_trees, parse_brackets


class TreeWords(NamedTuple):
    """Trees and the word of every node, 0 where there is none."""

    trees: Trees
    tokens: np.ndarray


def tree_batches(
    texts: Sequence[LabelledText],
    symbols: Symbols,
    flags: TextFlags,
    batch_size: int,
) -> Batches:
    """Makes the batches of trees, each with the labels of all its nodes.

    The trees of a batch stay together in every epoch, in batches whose order is
    shuffled: so a bucket of lengths has one size, known from the start.

    Args:
      texts: the texts.
      symbols: what the numbers stand for.
      flags: the seed of the order.
      batch_size: trees per batch.

    Raises:
      BadInput: if a text has no tree, or one with more than two children
        of a node; if a label is unknown.
    """
    for text in texts:
        _check_tree(text)
    targets = encode_targets(texts, symbols)
    lengths = [len(text.words) for text in texts]
    buckets = bucketing.make_buckets(lengths, batch_size, max_shapes=4)
    rng = np.random.default_rng(flags.seed)
    mixed = buckets._replace(members=tuple(map(rng.permutation, buckets.members)))
    made = _make_trees(texts, symbols, mixed)

    def batch(i):
        epoch, place = divmod(i, len(made))
        order = np.random.default_rng((flags.seed, epoch)).permutation(len(made))
        return made[order[place]][1]

    return Batches(targets, batch, len(made), lambda: iter(made))


def batch_of_tree(line: str, symbols: Symbols) -> Batch:
    """Makes a batch of one tree, padded so that few sizes are compiled.

    Args:
      line: a tree in brackets, such as `(3 (2 It) (4 good))`; its labels are not read.
      symbols: what the numbers stand for.

    Raises:
      BadInput: if a node has more than two children.
      ValueError: if the line is no tree.
    """
    tree = parse_brackets(line)
    text = text_of_tree(tree._replace(labels=("",) * len(tree.labels)))
    _check_tree(text)
    sizes = TreeSizes(*(round_up(size, 1) for size in _batch([text]).sizes))
    return _tree_batch([text], sizes, symbols)


def _make_trees(texts, symbols, buckets: Buckets) -> list[tuple[np.ndarray, Batch]]:
    groups: dict[int, list[np.ndarray]] = {}
    for rows in bucketing.rows_in_order(buckets):
        groups.setdefault(rows.num_steps, []).append(rows.indices[rows.is_real])
    made = []
    for members in groups.values():
        own = [[texts[i] for i in indices] for indices in members]
        most = TreeSizes(*map(max, zip(*(_batch(group).sizes for group in own))))
        made += [
            (indices, _tree_batch(group, most, symbols))
            for indices, group in zip(members, own)
        ]
    return made


def _tree_batch(texts, sizes: TreeSizes, symbols: Symbols) -> Batch:
    place = {label: i for i, label in enumerate(symbols.labels)}
    words, labels = [], []
    for text in texts:
        words += [word or UNKNOWN for word in _tree_of(text).tokens]
        for label in _tree_of(text).labels:
            if label and label not in place:
                raise BadInput(
                    f"the label of a node must be one of the training texts, "
                    f"{', '.join(symbols.labels)}; got {label!r}.",
                    text.path,
                    text.line,
                )
            labels.append(place.get(label, -1))
    padding = (0, sizes.num_nodes - len(labels))
    targets = np.pad(np.array(labels, np.int32), padding, constant_values=-1)
    return Batch(
        TreeWords(_batch(texts, sizes), np.pad(symbols.words.encode(words), padding)),
        None,
        np.maximum(targets, 0),
        (targets >= 0).astype(np.float32),
    )


def _batch(texts, sizes: TreeSizes | None = None) -> Trees:
    trees = [_tree_of(text) for text in texts]
    has_inputs = [[word is not None for word in tree.tokens] for tree in trees]
    parents = [tree.parents for tree in trees]
    return batch_trees(parents, has_inputs=has_inputs, pad_to=sizes)


def _check_tree(text: LabelledText) -> None:
    if text.tree is None:
        raise BadInput("the model needs trees, got a text.", text.path, text.line)
    parents = Counter(text.tree.parents)
    most = max(parents.values())
    if most > 2:
        raise BadInput(
            f"a node must have one or two children, got {most}.", text.path, text.line
        )


def _tree_of(text: LabelledText) -> BracketedTree:
    assert text.tree is not None  # as checked
    return text.tree

"""Batches of trees of any shape, as arrays of one size.

All leaves are computed at once. A row holds inner nodes whose children are leaves or in
the row before, so the rest of the batch is computed row by row, from the deepest nodes
to the roots. A tree with fewer levels than there are rows may begin in a later row.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Array, serializable
from rnnjax.trees.rows import check_parents, choose_first_rows, rank


class TreeSizes(NamedTuple):
    """The sizes of a batch of trees; batches of equal sizes share a compiled program.

    Attributes:
      num_trees: number of trees.
      num_nodes: number of nodes of all trees.
      num_inputs: number of nodes with inputs of their own.
      num_leaves: number of leaves of all trees.
      num_rows: number of rows, computed one after the other; at least one, and at
        least the levels of any tree without its leaves.
      width: number of inner nodes in a row, computed together.
      max_children: number of children of a node.
    """

    num_trees: int
    num_nodes: int
    num_inputs: int
    num_leaves: int
    num_rows: int
    width: int
    max_children: int


@serializable
class Trees(NamedTuple):
    """A batch of trees; `batch_trees` makes it.

    Nodes are numbered tree by tree, in the order in which they were given. `num_nodes`
    stands for an absent node.

    Attributes:
      leaves: `[num_leaves]` int32, the nodes without children.
      nodes: `[num_rows, width]` int32, the inner node in each place of a row.
      children: `[num_rows, width, max_children]` int32, where its children are: `i`
        is place i of the row before, `width + i` is leaf i, and `width + num_leaves` is
        an absent child.
      roots: `[num_trees]` int32, the root of each tree.
      with_inputs: `[num_inputs]` int32, the nodes that have inputs of their own.
      mask: `[num_nodes]` bool, true at real nodes.
    """

    leaves: Array | np.ndarray
    nodes: Array | np.ndarray
    children: Array | np.ndarray
    roots: Array | np.ndarray
    with_inputs: Array | np.ndarray
    mask: Array | np.ndarray

    @property
    def sizes(self) -> TreeSizes:
        """The sizes to which it is padded."""
        lists = self.roots, self.mask, self.with_inputs, self.leaves
        return TreeSizes(*map(len, lists), *self.children.shape)


def batch_trees(
    parents: Sequence[Sequence[int]],
    *,
    has_inputs: Sequence[Sequence[bool]] | None = None,
    pad_to: TreeSizes | None = None,
) -> Trees:
    """Makes a batch of trees from the parents of their nodes. Not for use under jit.

    The children of a node are in the order of their numbers.

    Args:
      parents: for each tree the parent of every node; -1 for the root. Parents may come
        before or after their children.
      has_inputs: for each tree and node whether it has inputs of its own; None: all do.
        In a constituency tree only the leaves do.
      pad_to: sizes to pad to, so that different batches share a compiled program, such
        as `TreeSizes(*map(max, *[trees.sizes for trees in batches]))`; None: no
        padding.

    Returns:
      The batch, of NumPy arrays.

    Raises:
      ValueError: if there is no tree, or one without a node; if parents are not whole
        numbers; if a parent is not a node; if a tree has no root, two, or a cycle; if
        `has_inputs` do not fit the nodes, or are false at a leaf; if `pad_to` is too
        small.

    Example:
      >>> trees = batch_trees([[-1, 0, 0], [1, -1]])
      >>> trees.roots
      array([0, 4], dtype=int32)
      >>> trees.sizes
      TreeSizes(num_trees=2, num_nodes=5, num_inputs=5, num_leaves=3, num_rows=1,
                width=2, max_children=2)
    """
    if not len(parents):
        raise ValueError("parents must hold at least one tree, got none.")
    forest = [np.asarray(own) for own in parents]
    depths = [check_parents(f"parents[{t}]", own) for t, own in enumerate(forest)]
    leaves_of = [~np.isin(np.arange(len(own)), own) for own in forest]
    marks = _check_has_inputs(has_inputs, leaves_of)
    levels = [
        own[~is_leaf].max(initial=0) - own[~is_leaf]
        for own, is_leaf in zip(depths, leaves_of)
    ]
    first_rows = choose_first_rows(levels, pad_to.num_rows if pad_to else 0)
    parent = _number_over_batch(forest)
    is_child, is_leaf = parent >= 0, np.concatenate(leaves_of)
    inner, leaves = np.flatnonzero(~is_leaf), np.flatnonzero(is_leaf)
    row, place = np.zeros((2, len(parent)), int)
    row[inner] = np.concatenate([first + own for first, own in zip(first_rows, levels)])
    place[inner], which = rank(row[inner]), rank(parent)

    needed = TreeSizes(
        num_trees=len(forest),
        num_nodes=len(parent),
        num_inputs=len(marks),
        num_leaves=len(leaves),
        num_rows=max(int(own.max(initial=0)) for own in levels) + 1,
        width=int(place.max()) + 1,
        max_children=int(which[is_child].max(initial=-1)) + 1,
    )
    num_trees, num_nodes, num_inputs, num_leaves, *shape = _check_sizes(needed, pad_to)
    place[leaves] = shape[1] + np.arange(len(leaves))
    nodes = np.full(shape[:2], num_nodes, np.int32)
    nodes[row[inner], place[inner]] = inner
    children = np.full(shape, shape[1] + num_leaves, np.int32)
    of_parent = parent[is_child]
    children[row[of_parent], place[of_parent], which[is_child]] = place[is_child]
    return Trees(
        leaves=_pad(leaves, num_leaves, num_nodes),
        nodes=nodes,
        children=children,
        roots=_pad(np.flatnonzero(~is_child), num_trees, num_nodes),
        with_inputs=_pad(marks, num_inputs, num_nodes),
        mask=np.arange(num_nodes) < len(parent),
    )


def take_roots(trees: Trees, values: Any) -> Any:
    """Takes the roots' values out of those of all nodes.

    Args:
      trees: the batch.
      values: pytree of arrays `[num_nodes, ...]`, such as `unroll_trees` returns.

    Returns:
      The same of arrays `[num_trees, ...]`; zeros for a tree that is padding.
    """

    def take(x):
        return jnp.asarray(x).at[trees.roots].get(mode="fill", fill_value=0)

    return jax.tree.map(take, values)


def _number_over_batch(forest):
    """Returns the parents of all nodes, numbered over the batch."""
    starts = np.cumsum([0, *map(len, forest)])
    return np.concatenate(
        [np.where(own < 0, -1, own + start) for own, start in zip(forest, starts)]
    )


def _pad(nodes, length, num_nodes):
    padding = np.full(length - len(nodes), num_nodes)
    return np.concatenate([nodes, padding]).astype(np.int32)


def _check_has_inputs(has_inputs, leaves_of):
    """Returns the nodes that have inputs, numbered over the batch."""
    if has_inputs is None:
        return np.arange(sum(map(len, leaves_of)))
    got = [np.asarray(own) for own in has_inputs]
    fits = [own.shape for own in got] == [own.shape for own in leaves_of]
    if not fits or any(own.dtype != bool for own in got):
        raise ValueError(
            "has_inputs must be bools, one for each of the nodes "
            f"{[len(own) for own in leaves_of]}, "
            f"got {[f'{own.dtype}{list(own.shape)}' for own in got]}."
        )
    for t, (marks, is_leaf) in enumerate(zip(got, leaves_of)):
        missing = np.flatnonzero(is_leaf & ~marks)
        if missing.size:
            raise ValueError(
                f"has_inputs[{t}] must be true at every leaf, "
                f"got false at node {missing[0]}."
            )
    return np.flatnonzero(np.concatenate(got))


def _check_sizes(needed, pad_to):
    if pad_to is None:
        return needed
    for name, least, got in zip(TreeSizes._fields, needed, pad_to):
        if got < least:
            raise ValueError(f"pad_to must have {name} of at least {least}, got {got}.")
    return TreeSizes(*pad_to)

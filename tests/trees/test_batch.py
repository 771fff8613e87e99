"""Batches of trees: who is whose child, what is refused, how they are packed."""

import numpy as np
import pytest

from rnnjax.trees import TreeSizes, batch_trees
from tests.refusals import refuses
from tests.trees.registry import HAS_INPUTS, PADDED, PARENTS, TREES


def draw_parents(rng, num_nodes):
    """Draws a tree whose nodes are numbered in no order."""
    names = rng.permutation(num_nodes)
    parents = np.full(num_nodes, -1)
    for k in range(1, num_nodes):
        parents[names[k]] = names[rng.integers(max(0, k - 3), k)]
    return parents


def children_of(trees):
    """Reads the children of every node from the rows, in their order."""
    _, num_nodes, _, num_leaves, num_rows, width, _ = trees.sizes
    children, seen = {}, []
    for leaf in trees.leaves[trees.leaves < num_nodes]:
        children[int(leaf)] = []
        seen.append(leaf)
    for row in range(num_rows):
        for place in range(width):
            node = trees.nodes[row, place]
            below = np.append(trees.nodes[row - 1], trees.leaves)
            places = trees.children[row, place]
            own = [below[p] for p in places if p < width + num_leaves]
            if node == num_nodes:
                assert not own
                continue
            assert own and (row or places.min() >= width)
            seen.append(node)
            assert num_nodes not in own
            children[int(node)] = [int(child) for child in own]
    assert len(seen) == len(set(seen))
    return children


def expected_children(parents):
    children, start = {}, 0
    for own in parents:
        for node in range(len(own)):
            below = np.flatnonzero(np.asarray(own) == node)
            children[start + node] = [start + int(child) for child in below]
        start += len(own)
    return children


@pytest.mark.parametrize("trees", [TREES, PADDED])
def test_rows_hold_every_node_after_its_children(trees):
    assert children_of(trees) == expected_children(PARENTS)
    assert trees.roots.tolist()[:4] == [0, 6, 9, 15]
    assert set(trees.roots.tolist()[4:]) <= {trees.sizes.num_nodes}
    assert trees.mask.tolist() == (np.arange(len(trees.mask)) < 16).tolist()
    marked = np.flatnonzero(sum(HAS_INPUTS, [])).tolist()
    assert trees.with_inputs.tolist()[:12] == marked
    assert set(trees.with_inputs.tolist()[12:]) <= {trees.sizes.num_nodes}


def test_random_trees_are_laid_out_right():
    rng = np.random.default_rng(0)
    for _ in range(30):
        parents = [draw_parents(rng, n) for n in rng.integers(1, 30, size=4)]
        trees = batch_trees(parents)
        assert children_of(trees) == expected_children(parents)
        assert trees.mask.all() and len(trees.with_inputs) == trees.sizes.num_nodes


def test_sizes_of_any_batches_hold_them_all():
    """What the largest of each size is enough for, whatever the trees."""
    rng = np.random.default_rng(1)
    batches = [
        [draw_parents(rng, n) for n in rng.integers(1, 40, size=rng.integers(1, 9))]
        for _ in range(40)
    ]
    sizes = TreeSizes(*map(max, *[batch_trees(own).sizes for own in batches]))
    for own in batches:
        trees = batch_trees(own, pad_to=sizes)
        assert trees.sizes == sizes
        assert children_of(trees) == expected_children(own)


def test_low_trees_begin_where_rows_are_empty_and_spread_over_those_to_spare():
    """A tall one, and three low: one in each two rows, not three in the last."""
    chain, low = [-1, 0, 1, 2, 3, 4, 5], [-1, 0, 1]
    assert batch_trees([low, chain, low, low]).sizes == (4, 16, 16, 4, 6, 2, 1)
    alone = batch_trees([low] * 6).sizes
    assert alone.width == 6
    spread = batch_trees([low] * 6, pad_to=alone._replace(num_rows=6, width=2))
    assert spread.sizes.width == 2


def test_leaves_alone_leave_the_row_empty():
    trees = batch_trees([[-1], [-1]])
    assert trees.sizes == (2, 2, 2, 2, 1, 1, 0)
    assert trees.nodes.tolist() == [[2]]
    assert trees.leaves.tolist() == trees.roots.tolist() == [0, 1]


test_bad_parents_are_refused = refuses(
    (batch_trees, [], "parents must hold at least one tree, got none"),
    (batch_trees, [[-1], []], r"parents\[1\] must be whole numbers, one per node, got"),
    (batch_trees, [[-1.0, 0.0]], r"\[0\] must be whole numbers, .*got \[-1.0, 0.0\]"),
    (batch_trees, [[[-1, 0]]], r"parents\[0\] must be whole numbers, one per node"),
    (batch_trees, [[-1], [-1, 2]], r"\[1\] must be nodes from 0 to 1.*got 2 at node 1"),
    (batch_trees, [[-1, 0, -2]], r"\[0\] must be nodes from 0 to 2.*got -2 at node 2"),
    (batch_trees, [[-1, 0, -1]], r"\[0\] must have one root, got 2: nodes \[0, 2\]"),
    (batch_trees, [[-1], [-1, 1]], r"parents\[1\] must have no cycle, got 1 -> 1\."),
    (batch_trees, [[-1, 2, 3, 1]], r"\[0\] must have no cycle, got 1 -> 2 -> 3 -> 1\."),
    (batch_trees, [[-1, 2, 3, 2]], r"\[0\] must have no cycle, got 2 -> 3 -> 2\."),
    (batch_trees, [[1, 0]], r"parents\[0\] must have no cycle, got 0 -> 1 -> 0\."),
)


def mark(*has_inputs):
    return batch_trees([[-1, 0, 0], [-1]], has_inputs=has_inputs)


test_bad_marks_are_refused = refuses(
    (mark, [True] * 3, r"has_inputs must be bools.*nodes \[3, 1\]"),
    (mark, [True] * 2, [True], r"has_inputs must be bools.*nodes \[3, 1\]"),
    (mark, [1, 1, 1], [1], r"has_inputs must be bools"),
    (mark, [False, True, False], [True], r"\[0\] must be true .* leaf, .* at node 2"),
    (mark, [True] * 3, [False], r"has_inputs\[1\] must be true at every leaf"),
)


@pytest.mark.parametrize("name", TreeSizes._fields)
def test_too_small_sizes_are_refused(name):
    needed = getattr(TREES.sizes, name)
    pad_to = TREES.sizes._replace(**{name: needed - 1})
    with pytest.raises(ValueError, match=f"{name} of at least {needed}, got"):
        batch_trees(PARENTS, has_inputs=HAS_INPUTS, pad_to=pad_to)

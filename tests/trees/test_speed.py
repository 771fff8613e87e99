"""A batch of trees against one tree at a time."""

import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.trees import TreeSizes, batch_trees, nary_tree_lstm, unroll_trees

NUM_TREES, INPUT_SIZE, HIDDEN_SIZE = 25, 300, 150


def draw_binary_tree(rng, num_leaves):
    """Draws the parents of a binary tree, parted at random places."""
    parents, waiting = [], [(num_leaves, -1)]
    while waiting:
        size, parent = waiting.pop()
        if size > 1:
            left = int(rng.integers(1, size))
            waiting += [(size - left, len(parents)), (left, len(parents))]
        parents.append(parent)
    return parents


def leaves(parents):
    return ~np.isin(np.arange(len(parents)), parents)


def batches_of(parents, size):
    """Makes batches of `size` trees, all of one size, with inputs at leaves alone."""
    groups = [parents[k : k + size] for k in range(0, len(parents), size)]
    marks = [[leaves(own) for own in group] for group in groups]
    pairs = list(zip(groups, marks))
    loose = [batch_trees(group, has_inputs=own) for group, own in pairs]
    sizes = TreeSizes(*map(max, *[trees.sizes for trees in loose]))
    return [batch_trees(group, has_inputs=own, pad_to=sizes) for group, own in pairs]


def seconds_for_trees(make_cell, parents, size):
    """Times values and gradients of a batch of 25 trees, `size` of them at a time.

    Args:
      make_cell: `hidden_size -> TreeCell`.
      parents: of several times 25 trees; what they are padded to holds all of them.
      size: how many are given to the program together.

    Returns:
      The median over the batches, in seconds.
    """
    cell = make_cell(HIDDEN_SIZE)
    params = cell.init(jax.random.key(0), INPUT_SIZE)

    @jax.jit
    def run(params, trees, inputs):
        def score(params, inputs):
            _, outputs = unroll_trees(cell, params, trees, inputs)
            return jnp.square(outputs).sum()

        return jax.value_and_grad(score, (0, 1))(params, inputs)

    batches = batches_of(parents, size)
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(batches[0].sizes.num_nodes, INPUT_SIZE))
    inputs = jnp.asarray(inputs, jnp.float32)
    batches = jax.device_put(batches)
    jax.block_until_ready(run(params, batches[0], inputs))
    per_turn = NUM_TREES // size
    turns = []
    for first in range(0, len(batches), per_turn):
        begin = time.perf_counter()
        jax.block_until_ready(
            [run(params, trees, inputs) for trees in batches[first : first + per_turn]]
        )
        turns.append(time.perf_counter() - begin)
    return statistics.median(turns)


@pytest.mark.slow
def test_a_batch_is_faster_than_its_trees_one_by_one():
    """The goal is 10; the bound leaves room for a busy machine."""
    rng = np.random.default_rng(0)
    sizes = np.clip(rng.normal(19, 9, size=10 * NUM_TREES), 2, 52).astype(int)
    parents = [draw_binary_tree(rng, size) for size in sizes]
    together, apart = (
        seconds_for_trees(nary_tree_lstm, parents, size) for size in (NUM_TREES, 1)
    )
    print(f"\n25 trees: {together:.4f} s at once, {apart:.4f} s one by one")
    assert apart / together > 4

"""The front door for trees: one cell over a batch of them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from rnnjax.base import Carry, Params
from rnnjax.masking import select, zero_masked
from rnnjax.placement import describe, place_like
from rnnjax.trees.base import TreeCell
from rnnjax.trees.batch import Trees


def unroll_trees(
    cell: TreeCell, params: Params, trees: Trees, inputs: Any
) -> tuple[Carry, Any]:
    """Runs a cell over a batch of trees, from the leaves to the roots.

    All trees advance together, a row of nodes at a time; what a node's inputs alone
    decide is computed for all nodes at once. Batches of equal `trees.sizes` are run by
    one compiled program. Inputs of padding, and of nodes that have none, are read as
    zeros, whatever stands there, NaN included.

    Args:
      cell: the cell to run.
      params: its parameters.
      trees: the batch; see `batch_trees`.
      inputs: one array or a tree of arrays `[num_nodes, ..., input_size]`.

    Returns:
      The carries and the outputs of all nodes `[num_nodes, ...]`, zeros where a node is
      padding. `take_roots` takes the roots' out of them.

    Raises:
      ValueError: if the inputs do not begin with the axis of nodes; if a node may have
        more children than the cell takes; if the cell returns another carry than its
        initial one.

    Example:
      >>> from rnnjax.trees import batch_trees, child_sum_tree_lstm, take_roots
      >>> cell = child_sum_tree_lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> trees = batch_trees([[-1, 0, 0], [1, -1]])
      >>> carries, outputs = unroll_trees(cell, params, trees, jnp.ones((5, 3)))
      >>> outputs.shape, take_roots(trees, carries).h.shape
      ((5, 4), (2, 4))
    """
    sizes = trees.sizes
    inputs = jax.tree.map(jnp.asarray, inputs)
    leaves = jax.tree.leaves(inputs)
    if not leaves or any(x.shape[:1] != (sizes.num_nodes,) for x in leaves):
        raise ValueError(
            f"inputs must begin with an axis of {sizes.num_nodes} nodes, "
            f"got {[x.shape for x in leaves]}."
        )
    if cell.max_children is not None and sizes.max_children > cell.max_children:
        raise ValueError(
            f"trees must have at most {cell.max_children} children a node, "
            f"as the cell takes, got {sizes.max_children}."
        )
    return _run(cell, params, trees, inputs)


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _run(cell, params, trees, inputs):
    """Does the work of `unroll_trees`, compiled once a size where called eagerly."""
    num_nodes, width = trees.sizes.num_nodes, trees.sizes.width
    children = _with_places(trees.children, cell.max_children, width)
    drives = cell.project(params, zero_masked(trees.has_inputs, inputs))
    drives = jax.tree.map(
        lambda x: x.at[trees.nodes].get(mode="fill", fill_value=0), drives
    )
    absent = cell.initial_carry(params, children.shape[1:])

    def compute_row(carry, row):
        drive, children = row
        children_mask = children < width
        present = jax.tree.map(lambda x: x.at[children].get(mode="clip"), carry)
        carries = select(children_mask, present, absent)
        carry, outputs = cell.combine(params, carries, children_mask, drive)
        return carry, (carry, outputs)

    def by_node(x):
        nodes = jnp.zeros((num_nodes, *x.shape[2:]), x.dtype)
        return nodes.at[trees.nodes].set(x, mode="drop")

    start = cell.initial_carry(params, (width,))
    rows = drives, children
    start = _settle(start, compute_row, rows)
    _, carries_and_outputs = lax.scan(compute_row, start, rows)
    return jax.tree.map(by_node, carries_and_outputs)


def _with_places(children, max_children, width):
    """Adds places that stay empty, up to the number that the cell asks for."""
    missing = max(0, (max_children or 0) - children.shape[-1])
    return jnp.pad(children, ((0, 0), (0, 0), (0, missing)), constant_values=width)


def _settle(carry, compute_row, rows):
    """Gives the first carry the type that the loop keeps; see `place_like`."""
    first_row = jax.tree.map(lambda x: x[0], rows)
    new_carry, _ = jax.eval_shape(compute_row, carry, first_row)
    if describe(new_carry) != describe(carry):
        raise ValueError(
            "cell.combine must return a carry like the initial one, "
            f"{describe(carry)}, got {describe(new_carry)}."
        )
    return place_like(carry, new_carry)

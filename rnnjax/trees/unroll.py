"""The front door for trees: one cell over a batch of them."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from rnnjax.base import Carry, Params
from rnnjax.masking import select
from rnnjax.parameters import check_params
from rnnjax.placement import describe, place_like
from rnnjax.trees.base import TreeCell
from rnnjax.trees.batch import Trees


def unroll_trees(
    cell: TreeCell, params: Params, trees: Trees, inputs: Any
) -> tuple[Carry, Any]:
    """Runs a cell over a batch of trees, from the leaves to the roots.

    Everything that depends only on the inputs is computed for all nodes at once, and so
    are the leaves; then all trees advance together, one row of inner nodes at a time.
    Batches of equal `trees.sizes` share one compiled program. Inputs of padding, and of
    nodes without inputs, are read as zeros, even where they are NaN.

    Args:
      cell: the cell to run.
      params: its parameters; they are checked as in `rnnjax.unroll`.
      trees: the batch; see `batch_trees`.
      inputs: one array or a pytree of arrays `[num_nodes, ..., input_size]`.

    Returns:
      The carries and the outputs of all nodes `[num_nodes, ...]`, zeros where a node is
      padding. `take_roots` takes the roots' out of them.

    Raises:
      ValueError: if the inputs do not begin with the axis of nodes; if a parameter is
        missing, unexpected or of another shape or kind of dtype; if a node may have
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
    arrays = jax.tree.leaves(inputs)
    if not arrays or any(x.shape[:1] != (sizes.num_nodes,) for x in arrays):
        raise ValueError(
            f"inputs must begin with an axis of {sizes.num_nodes} nodes, "
            f"got {[x.shape for x in arrays]}."
        )
    if cell.max_children is not None and sizes.max_children > cell.max_children:
        raise ValueError(
            f"trees must have at most {cell.max_children} children a node, "
            f"as the cell takes, got {sizes.max_children}."
        )
    return _run(cell, params, trees, inputs)


@functools.partial(jax.jit, static_argnums=0, inline=True)
def _run(cell, params, trees, inputs):
    """Does the work of `unroll_trees`, compiled once per size if called eagerly."""
    is_vectors = all(x.ndim > 1 for x in jax.tree.leaves(inputs))
    check_params(cell.init, params, inputs, input_ndim=int(is_vectors))
    sizes = trees.sizes
    max_children = max(sizes.max_children, cell.max_children or 0)
    of_leaves, of_rows = _drives(cell, params, trees, inputs)
    leaves = _compute_leaves(cell, params, of_leaves, max_children)
    places, others = _places_and_others(cell, params, trees, leaves[0], max_children)

    def compute_row(carry, row):
        drive, places, others = row
        in_row = places < sizes.width
        carries = jax.tree.map(lambda x: x.at[places].get(mode="clip"), carry)
        children = select(in_row, carries, others)
        children_mask = places < sizes.width + sizes.num_leaves
        carry, outputs = cell.combine(params, children, children_mask, drive)
        return carry, (carry, outputs)

    def by_node(of_leaves, of_rows):
        nodes = jnp.zeros((sizes.num_nodes, *of_leaves.shape[1:]), of_leaves.dtype)
        nodes = nodes.at[trees.leaves].set(of_leaves, mode="drop")
        return nodes.at[trees.nodes].set(of_rows, mode="drop")

    rows = of_rows, places, others
    start = cell.initial_carry(params, (sizes.width,))
    first_row = jax.tree.map(lambda x: x[0], rows)
    start = place_like(start, jax.eval_shape(compute_row, start, first_row)[0])
    _, inner = lax.scan(compute_row, start, rows)
    return jax.tree.map(by_node, leaves, inner)


def _drives(cell, params, trees, inputs):
    """Projects the inputs that there are; returns drives of leaves and of rows."""
    _, num_nodes, num_inputs, *_ = trees.sizes
    # One input more, of zeros, serves all nodes that have none.
    nodes = jnp.append(trees.with_inputs, num_nodes)
    own = jax.tree.map(lambda x: x.at[nodes].get(mode="fill", fill_value=0), inputs)
    drives = cell.project(params, own)
    rank = jnp.full(num_nodes + 1, num_inputs)
    rank = rank.at[trees.with_inputs].set(jnp.arange(num_inputs), mode="drop")

    def take(nodes):
        return jax.tree.map(lambda x: x[rank[nodes]], drives)

    return take(trees.leaves), take(trees.nodes)


def _compute_leaves(cell, params, drives, max_children):
    """Computes all leaves. They share their absent children, multiplied once."""
    absent = cell.initial_carry(params, (max_children,))
    children_mask = jnp.zeros(max_children, bool)
    compute = functools.partial(cell.combine, params, absent, children_mask)
    leaves = jax.vmap(compute)(drives)
    num_leaves = len(jax.tree.leaves(drives)[0])
    _check_carry(cell.initial_carry(params, (num_leaves,)), leaves[0])
    return leaves


def _places_and_others(cell, params, trees, leaves, max_children):
    """Finds the children of all rows, and the carries of those not in the row before.

    Returns:
      Places as in `Trees.children`, as many for each node as the cell asks for, and
      the carries of leaves and of absent children there.
    """
    sizes = trees.sizes
    missing = max_children - sizes.max_children
    places = jnp.pad(
        trees.children,
        ((0, 0), (0, 0), (0, missing)),
        constant_values=sizes.width + sizes.num_leaves,
    )
    one = jax.tree.map(lambda x: x[:1], leaves)
    absent = place_like(cell.initial_carry(params), one)
    which = jnp.maximum(places - sizes.width, 0)
    others = jax.tree.map(
        lambda x, absent: jnp.concatenate([x, absent])[which], leaves, absent
    )
    return places, others


def _check_carry(initial, got):
    if describe(got) != describe(initial):
        raise ValueError(
            "cell.combine must return a carry like the initial one, "
            f"{describe(initial)}, got {describe(got)}."
        )

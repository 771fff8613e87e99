"""What the contracts of trees are tested over: every cell over trees, a line each."""

import dataclasses
import functools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from rnnjax.trees import (
    TreeCell,
    TreeSizes,
    batch_trees,
    child_sum_tree_lstm,
    nary_tree_lstm,
    recursive,
    tensor_recursive,
)

D, H = 4, 3


@dataclasses.dataclass(frozen=True)
class TreeCase:
    """One cell over trees to test.

    Attributes:
      name: shown by pytest.
      of: the maker that is registered by this case.
      make: makes the cell.
      input_size: what `init` is given.
      rounded: whether products are rounded to bfloat16.
    """

    name: str
    of: Callable[..., TreeCell]
    make: Callable[[], TreeCell]
    input_size: int = D
    rounded: bool = False

    @functools.cached_property
    def cell(self) -> TreeCell:
        return self.make()


TREE_CELLS = [
    TreeCase(
        "child_sum_tree_lstm", child_sum_tree_lstm, lambda: child_sum_tree_lstm(H)
    ),
    TreeCase(
        "child_sum_tree_lstm_no_bias_bf16",
        child_sum_tree_lstm,
        lambda: child_sum_tree_lstm(H, use_bias=False, compute_dtype=jnp.bfloat16),
        rounded=True,
    ),
    TreeCase("nary_tree_lstm", nary_tree_lstm, lambda: nary_tree_lstm(H)),
    TreeCase(
        "ternary_tree_lstm",
        nary_tree_lstm,
        lambda: nary_tree_lstm(H, 3, use_bias=False),
    ),
    TreeCase("recursive", recursive, lambda: recursive(H), H),
    TreeCase(
        "recursive_ternary",
        recursive,
        lambda: recursive(H, 3, activation="softsign"),
        H,
    ),
    TreeCase(
        "tensor_recursive",
        tensor_recursive,
        lambda: tensor_recursive(H, use_bias=False),
        H,
    ),
]

# Unlike trees: parents before and after their children, one child, one node, a chain.
PARENTS = [[-1, 0, 0, 1, 1, 4], [-1], [3, 3, -1, 2], [1, 2, 3, 4, -1]]
HAS_INPUTS = [
    [False, True, True, True, False, True],
    [True],
    [True, True, False, False],
    [True] * 5,
]
TREES = batch_trees(PARENTS, has_inputs=HAS_INPUTS)
PADDED_SIZES = TreeSizes(6, 21, 18, 10, 7, 8, 2)
PADDED = batch_trees(PARENTS, has_inputs=HAS_INPUTS, pad_to=PADDED_SIZES)
NUM_NODES = len(np.concatenate(PARENTS))

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
      of: the maker that is registered by this case.
      options: of the maker.
      input_size: what `init` is given.
    """

    of: Callable[..., TreeCell]
    options: dict = dataclasses.field(default_factory=dict)
    input_size: int = D

    @property
    def name(self) -> str:
        return "_".join([self.of.__name__, *self.options])

    @functools.cached_property
    def cell(self) -> TreeCell:
        return self.of(H, **self.options)

    @property
    def rounding(self) -> float:
        """How far results may be from exact ones where products are rounded."""
        return 0.02 if "compute_dtype" in self.options else 0.0


TREE_CELLS = [
    TreeCase(child_sum_tree_lstm),
    TreeCase(child_sum_tree_lstm, {"use_bias": False, "compute_dtype": jnp.bfloat16}),
    TreeCase(nary_tree_lstm),
    TreeCase(nary_tree_lstm, {"max_children": 3, "use_bias": False}),
    TreeCase(recursive, {}, H),
    TreeCase(recursive, {"max_children": 3, "activation": "softsign"}, H),
    TreeCase(tensor_recursive, {"use_bias": False}, H),
]

# Unlike trees: parents before and after their children, one child, one node, a chain.
PARENTS = [[-1, 0, 0, 1, 1, 4], [-1], [3, 3, -1, 2], [1, 2, 3, 4, -1]]
HAS_INPUTS = [
    [False, True, True, True, False, True],
    [True],
    [True, True, False, False],
    [True] * 5,
]
ROOTS = [0, 6, 9, 15]
TREES = batch_trees(PARENTS, has_inputs=HAS_INPUTS)
PADDED_SIZES = TreeSizes(6, 21, 18, 10, 7, 8, 2)
PADDED = batch_trees(PARENTS, has_inputs=HAS_INPUTS, pad_to=PADDED_SIZES)
OTHER_PARENTS = [[-1, 0, 0], [1, -1]]
OTHER = batch_trees(OTHER_PARENTS, pad_to=PADDED_SIZES)
NUM_NODES = len(np.concatenate(PARENTS))

"""Recursive networks: cells over trees, batches of trees, and what runs them."""

from rnnjax.trees.base import TreeCell
from rnnjax.trees.batch import Trees, TreeSizes, batch_trees, take_roots
from rnnjax.trees.brackets import BracketedTree, flatten_nested, parse_brackets
from rnnjax.trees.recursive import (
    recursive,
    recursive_step,
    tensor_recursive,
    tensor_recursive_step,
)
from rnnjax.trees.tree_lstm import (
    child_sum_tree_lstm,
    child_sum_tree_lstm_step,
    nary_tree_lstm,
    nary_tree_lstm_step,
)
from rnnjax.trees.unroll import unroll_trees

__all__ = [
    "BracketedTree",
    "TreeCell",
    "TreeSizes",
    "Trees",
    "batch_trees",
    "child_sum_tree_lstm",
    "child_sum_tree_lstm_step",
    "flatten_nested",
    "nary_tree_lstm",
    "nary_tree_lstm_step",
    "parse_brackets",
    "recursive",
    "recursive_step",
    "take_roots",
    "tensor_recursive",
    "tensor_recursive_step",
    "unroll_trees",
]

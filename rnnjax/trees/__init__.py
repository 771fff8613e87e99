"""Recursive networks over parse trees: cells, batches of trees, and their runner."""

from rnnjax.trees.base import TreeCell
from rnnjax.trees.batch import Trees, TreeSizes, batch_trees, take_roots
from rnnjax.trees.brackets import (
    BracketedTree,
    flatten_nested,
    parse_brackets,
    parse_tree_bank,
    unescape_token,
)
from rnnjax.trees.recursive import (
    recursive,
    recursive_step,
    tensor_recursive,
    tensor_recursive_step,
)
from rnnjax.trees.tree_bank import read_tree_bank
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
    "parse_tree_bank",
    "read_tree_bank",
    "recursive",
    "recursive_step",
    "take_roots",
    "tensor_recursive",
    "tensor_recursive_step",
    "unescape_token",
    "unroll_trees",
]

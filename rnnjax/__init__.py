"""Recurrent neural networks in JAX: write a cell once, run it with every engine."""

from rnnjax.base import (
    Cell,
    Factors,
    Layer,
    factored_cell,
    factored_step,
    merge,
)
from rnnjax.catalogue import CatalogueEntry, cell_catalogue
from rnnjax.cells.elman import elman, elman_step
from rnnjax.cells.gru import gru, gru_reset_before_step, gru_step
from rnnjax.cells.lstm import LSTMCarry, lstm, lstm_step
from rnnjax.cells.stacked import stack_kernels, unstack_kernels
from rnnjax.checks.affine import check_affine
from rnnjax.checks.cell import CellReport, check_cell
from rnnjax.decoding import sample
from rnnjax.engines.hoisted import hoisted
from rnnjax.engines.remat import remat
from rnnjax.engines.scan import scan
from rnnjax.initializers import per_gate, symmetric_uniform
from rnnjax.layers import (
    bidirectional,
    causal_layer,
    dense,
    dropout,
    embed,
    look_up,
    one_hot,
    pointwise,
    recurrent,
    stack,
)
from rnnjax.losses import (
    cross_entropy,
    cross_entropy_mean_over_steps,
    cross_entropy_sum_over_time,
)
from rnnjax.masking import lengths_to_mask
from rnnjax.products import matmul, split
from rnnjax.unroll import unroll

__version__ = "0.1.0"

__all__ = [
    "CatalogueEntry",
    "Cell",
    "CellReport",
    "Factors",
    "LSTMCarry",
    "Layer",
    "bidirectional",
    "causal_layer",
    "cell_catalogue",
    "check_affine",
    "check_cell",
    "cross_entropy",
    "cross_entropy_mean_over_steps",
    "cross_entropy_sum_over_time",
    "dense",
    "dropout",
    "elman",
    "elman_step",
    "embed",
    "factored_cell",
    "factored_step",
    "gru",
    "gru_reset_before_step",
    "gru_step",
    "hoisted",
    "lengths_to_mask",
    "look_up",
    "lstm",
    "lstm_step",
    "matmul",
    "merge",
    "one_hot",
    "per_gate",
    "pointwise",
    "recurrent",
    "remat",
    "sample",
    "scan",
    "split",
    "stack",
    "stack_kernels",
    "symmetric_uniform",
    "unroll",
    "unstack_kernels",
]

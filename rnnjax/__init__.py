"""Recurrent neural networks in JAX: write a cell once, run it with every engine.

The names here are the ones most programs need. Everything else lives in its module:
`rnnjax.cells.<family>` for the other cells, for steps and carries, and
`rnnjax.initializers`, `rnnjax.layers`, `rnnjax.attention`, `rnnjax.losses`,
`rnnjax.decoding`, `rnnjax.masking`, `rnnjax.convert`, `rnnjax.diagnostics`,
`rnnjax.regularizers`, `rnnjax.optimizers` and `rnnjax.trees`.
"""

import importlib
from typing import TYPE_CHECKING

from rnnjax import (
    attention,
    cells,
    decoding,
    engines,
    initializers,
    layers,
    losses,
    masking,
)
from rnnjax.base import Cell, Factors, Layer, factored_cell, prepared
from rnnjax.catalogue import cell_catalogue
from rnnjax.cells.clockwork import clockwork
from rnnjax.cells.elman import elman
from rnnjax.cells.elman_variants import irnn
from rnnjax.cells.gru import gru
from rnnjax.cells.gru_layer_norm import gru_layer_norm
from rnnjax.cells.indrnn import indrnn
from rnnjax.cells.lru import lru
from rnnjax.cells.lstm import lstm
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.cells.lstm_layer_norm import lstm_layer_norm
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.mgu import mgu
from rnnjax.cells.minimal import min_gru, min_lstm
from rnnjax.cells.qrnn import qrnn
from rnnjax.cells.rg_lru import rg_lru
from rnnjax.cells.s4d import s4d
from rnnjax.cells.slstm import slstm
from rnnjax.cells.sru import sru
from rnnjax.checks.cell import check_cell
from rnnjax.decoding import sample
from rnnjax.engines import hoisted, remat, scan
from rnnjax.layers import (
    bidirectional,
    dense,
    dilated,
    dropout,
    embed,
    language_model,
    last_step,
    layer_norm,
    locked_dropout,
    max_pool,
    mean_pool,
    one_hot,
    recurrent,
    residual,
    stack,
    variational_dropout,
    weight_drop,
    zoneout,
)
from rnnjax.losses import (
    cross_entropy,
    cross_entropy_mean_over_steps,
    cross_entropy_sum_over_time,
)
from rnnjax.masking import lengths_to_mask
from rnnjax.unroll import unroll

if TYPE_CHECKING:
    from rnnjax import convert, diagnostics, memory, optimizers, regularizers, trees

__version__ = "0.1.0"

# Imported at first use: not every program needs them, and `optimizers` needs Optax.
_LAZY = ("convert", "diagnostics", "memory", "optimizers", "regularizers", "trees")

__all__ = [
    "Cell",
    "Factors",
    "Layer",
    "attention",
    "bidirectional",
    "cell_catalogue",
    "cells",
    "check_cell",
    "clockwork",
    "convert",
    "cross_entropy",
    "cross_entropy_mean_over_steps",
    "cross_entropy_sum_over_time",
    "decoding",
    "dense",
    "diagnostics",
    "dilated",
    "dropout",
    "elman",
    "embed",
    "engines",
    "factored_cell",
    "gru",
    "gru_layer_norm",
    "hoisted",
    "indrnn",
    "initializers",
    "irnn",
    "language_model",
    "last_step",
    "layer_norm",
    "layers",
    "lengths_to_mask",
    "locked_dropout",
    "losses",
    "lru",
    "lstm",
    "lstm_convolutional",
    "lstm_layer_norm",
    "lstm_projected",
    "lstm_variant",
    "masking",
    "max_pool",
    "mean_pool",
    "memory",
    "mgu",
    "min_gru",
    "min_lstm",
    "one_hot",
    "optimizers",
    "prepared",
    "qrnn",
    "recurrent",
    "regularizers",
    "remat",
    "residual",
    "rg_lru",
    "s4d",
    "sample",
    "scan",
    "slstm",
    "sru",
    "stack",
    "trees",
    "unroll",
    "variational_dropout",
    "weight_drop",
    "zoneout",
]


def __getattr__(name: str):
    if name in _LAZY:
        return importlib.import_module(f"rnnjax.{name}")
    raise AttributeError(f"module 'rnnjax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

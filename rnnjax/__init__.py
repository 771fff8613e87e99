"""Recurrent neural networks in JAX: write a cell once, run it with every engine."""

from rnnjax.base import Cell, Factors, Layer, factored_cell, factored_step, merge
from rnnjax.catalogue import CatalogueEntry, cell_catalogue
from rnnjax.cells.antisymmetric import (
    antisymmetric_rnn,
    antisymmetric_rnn_step,
    gated_antisymmetric_rnn_step,
)
from rnnjax.cells.clip_cotangent import clip_cotangent
from rnnjax.cells.clockwork import ClockworkCarry, clockwork, clockwork_step
from rnnjax.cells.continuous import ctrnn, ctrnn_step, leaky, leaky_step
from rnnjax.cells.cornn import CoRNNCarry, cornn, cornn_step
from rnnjax.cells.elman import elman, elman_step
from rnnjax.cells.elman_variants import (
    elman_before_activation,
    elman_before_activation_step,
    elman_with_output,
    elman_with_output_step,
    irnn,
)
from rnnjax.cells.fast_weights import FastWeightsCarry, fast_weights, fast_weights_step
from rnnjax.cells.feed_back import feed_back
from rnnjax.cells.gru import gru, gru_reset_before_step, gru_step
from rnnjax.cells.gru_convolutional import gru_convolutional, gru_convolutional_step
from rnnjax.cells.gru_layer_norm import gru_layer_norm, gru_layer_norm_step
from rnnjax.cells.higher_order import higher_order, higher_order_step
from rnnjax.cells.highway import recurrent_highway, recurrent_highway_step
from rnnjax.cells.indrnn import indrnn, indrnn_step
from rnnjax.cells.janet import janet, janet_step
from rnnjax.cells.jordan import jordan, jordan_forced_step, jordan_step
from rnnjax.cells.learned_initial_carry import learned_initial_carry
from rnnjax.cells.linear import linear_system, linear_system_step, shift_register
from rnnjax.cells.liquid import liquid, liquid_step
from rnnjax.cells.lru import ComplexCarry, lru, lru_step
from rnnjax.cells.lstm import LSTMCarry, lstm, lstm_step
from rnnjax.cells.lstm_convolutional import lstm_convolutional, lstm_convolutional_step
from rnnjax.cells.lstm_full_gate import (
    LSTMFullGateCarry,
    lstm_full_gate,
    lstm_full_gate_step,
)
from rnnjax.cells.lstm_layer_norm import lstm_layer_norm, lstm_layer_norm_step
from rnnjax.cells.lstm_multiplicative import (
    lstm_multiplicative,
    lstm_multiplicative_step,
)
from rnnjax.cells.lstm_projected import lstm_projected, lstm_projected_step
from rnnjax.cells.lstm_variants import lstm_variant, lstm_variant_step
from rnnjax.cells.mgu import mgu, mgu_step, ugrnn, ugrnn_step
from rnnjax.cells.minimal import min_gru, min_gru_step, min_lstm, min_lstm_step
from rnnjax.cells.multiplicative import (
    multiplicative_rnn,
    multiplicative_rnn_step,
    tensor_rnn,
    tensor_rnn_step,
)
from rnnjax.cells.multiplicative_integration import (
    multiplicative_integration,
    multiplicative_integration_step,
)
from rnnjax.cells.mut import mut1, mut1_step, mut2, mut2_step, mut3, mut3_step
from rnnjax.cells.orthogonal import modrelu, orthogonal_rnn, orthogonal_rnn_step
from rnnjax.cells.parametrizations import (
    cayley_transform,
    exponential_map,
    householder_product,
)
from rnnjax.cells.qrnn import qrnn, qrnn_step
from rnnjax.cells.rg_lru import rg_lru, rg_lru_step
from rnnjax.cells.s4d import bilinear, s4d, s4d_step, zero_order_hold
from rnnjax.cells.show_carry import show_carry
from rnnjax.cells.slstm import SLSTMCarry, slstm, slstm_step
from rnnjax.cells.sru import sru, sru_step
from rnnjax.cells.stacked import stack_kernels, unstack_kernels
from rnnjax.cells.unitary import unitary_rnn, unitary_rnn_step
from rnnjax.checks.affine import check_affine
from rnnjax.checks.cell import CellReport, check_cell
from rnnjax.decoding import sample
from rnnjax.engines.hoisted import hoisted
from rnnjax.engines.remat import remat
from rnnjax.engines.scan import scan
from rnnjax.initializers import (
    chrono,
    chrono_lstm,
    identity,
    per_gate,
    smart_tanh,
    sparse,
    spectral_radius,
    symmetric_uniform,
)
from rnnjax.layers import (
    average,
    bidirectional,
    causal_convolution,
    causal_layer,
    chunked_bidirectional,
    concatenate,
    dense,
    dilated,
    dilated_stack,
    dropout,
    embed,
    first_step,
    highway,
    keep_apart,
    last_step,
    layer_norm,
    locked_dropout,
    look_up,
    max_pool,
    mean_pool,
    one_hot,
    pointwise,
    read_chunk,
    recurrent,
    recurrent_dropout,
    residual,
    skip_to_output,
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
from rnnjax.products import matmul, split
from rnnjax.unroll import unroll

__version__ = "0.1.0"

__all__ = [
    "CatalogueEntry",
    "Cell",
    "CellReport",
    "ClockworkCarry",
    "CoRNNCarry",
    "ComplexCarry",
    "Factors",
    "FastWeightsCarry",
    "LSTMCarry",
    "LSTMFullGateCarry",
    "Layer",
    "SLSTMCarry",
    "antisymmetric_rnn",
    "antisymmetric_rnn_step",
    "average",
    "bidirectional",
    "bilinear",
    "causal_convolution",
    "causal_layer",
    "cayley_transform",
    "cell_catalogue",
    "check_affine",
    "check_cell",
    "chrono",
    "chrono_lstm",
    "chunked_bidirectional",
    "clip_cotangent",
    "clockwork",
    "clockwork_step",
    "concatenate",
    "cornn",
    "cornn_step",
    "cross_entropy",
    "cross_entropy_mean_over_steps",
    "cross_entropy_sum_over_time",
    "ctrnn",
    "ctrnn_step",
    "dense",
    "dilated",
    "dilated_stack",
    "dropout",
    "elman",
    "elman_before_activation",
    "elman_before_activation_step",
    "elman_step",
    "elman_with_output",
    "elman_with_output_step",
    "embed",
    "exponential_map",
    "factored_cell",
    "factored_step",
    "fast_weights",
    "fast_weights_step",
    "feed_back",
    "first_step",
    "gated_antisymmetric_rnn_step",
    "gru",
    "gru_convolutional",
    "gru_convolutional_step",
    "gru_layer_norm",
    "gru_layer_norm_step",
    "gru_reset_before_step",
    "gru_step",
    "higher_order",
    "higher_order_step",
    "highway",
    "hoisted",
    "householder_product",
    "identity",
    "indrnn",
    "indrnn_step",
    "irnn",
    "janet",
    "janet_step",
    "jordan",
    "jordan_forced_step",
    "jordan_step",
    "keep_apart",
    "last_step",
    "layer_norm",
    "leaky",
    "leaky_step",
    "learned_initial_carry",
    "lengths_to_mask",
    "linear_system",
    "linear_system_step",
    "liquid",
    "liquid_step",
    "locked_dropout",
    "look_up",
    "lru",
    "lru_step",
    "lstm",
    "lstm_convolutional",
    "lstm_convolutional_step",
    "lstm_full_gate",
    "lstm_full_gate_step",
    "lstm_layer_norm",
    "lstm_layer_norm_step",
    "lstm_multiplicative",
    "lstm_multiplicative_step",
    "lstm_projected",
    "lstm_projected_step",
    "lstm_step",
    "lstm_variant",
    "lstm_variant_step",
    "matmul",
    "max_pool",
    "mean_pool",
    "merge",
    "mgu",
    "mgu_step",
    "min_gru",
    "min_gru_step",
    "min_lstm",
    "min_lstm_step",
    "modrelu",
    "multiplicative_integration",
    "multiplicative_integration_step",
    "multiplicative_rnn",
    "multiplicative_rnn_step",
    "mut1",
    "mut1_step",
    "mut2",
    "mut2_step",
    "mut3",
    "mut3_step",
    "one_hot",
    "orthogonal_rnn",
    "orthogonal_rnn_step",
    "per_gate",
    "pointwise",
    "qrnn",
    "qrnn_step",
    "read_chunk",
    "recurrent",
    "recurrent_dropout",
    "recurrent_highway",
    "recurrent_highway_step",
    "remat",
    "residual",
    "rg_lru",
    "rg_lru_step",
    "s4d",
    "s4d_step",
    "sample",
    "scan",
    "shift_register",
    "show_carry",
    "skip_to_output",
    "slstm",
    "slstm_step",
    "smart_tanh",
    "sparse",
    "spectral_radius",
    "split",
    "sru",
    "sru_step",
    "stack",
    "stack_kernels",
    "symmetric_uniform",
    "tensor_rnn",
    "tensor_rnn_step",
    "ugrnn",
    "ugrnn_step",
    "unitary_rnn",
    "unitary_rnn_step",
    "unroll",
    "unstack_kernels",
    "variational_dropout",
    "weight_drop",
    "zero_order_hold",
    "zoneout",
]

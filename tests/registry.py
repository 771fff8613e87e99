"""What the contracts are tested over: every cell, layer and engine, a line each.

A new one is registered here and gets all contracts of `tests/contracts`. What is not
registered fails `tests/test_registry.py`.
"""

import functools

import jax
import jax.numpy as jnp

from rnnjax import (
    bidirectional,
    dense,
    dropout,
    elman,
    embed,
    gru,
    hoisted,
    lstm,
    one_hot,
    recurrent,
    remat,
    scan,
    stack,
)
from rnnjax.cells.antisymmetric import antisymmetric_rnn
from rnnjax.cells.clockwork import clockwork
from rnnjax.cells.continuous import ctrnn, leaky
from rnnjax.cells.cornn import cornn
from rnnjax.cells.elman_variants import (
    elman_before_activation,
    elman_with_output,
    irnn,
)
from rnnjax.cells.fast_weights import fast_weights
from rnnjax.cells.gru_convolutional import gru_convolutional
from rnnjax.cells.gru_layer_norm import gru_layer_norm
from rnnjax.cells.higher_order import higher_order
from rnnjax.cells.highway import recurrent_highway
from rnnjax.cells.indrnn import indrnn
from rnnjax.cells.janet import janet
from rnnjax.cells.jordan import jordan
from rnnjax.cells.linear import linear_system
from rnnjax.cells.lru import lru
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.cells.lstm_full_gate import lstm_full_gate
from rnnjax.cells.lstm_layer_norm import lstm_layer_norm
from rnnjax.cells.lstm_multiplicative import lstm_multiplicative
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.ltc import ltc
from rnnjax.cells.mgu import mgu, ugrnn
from rnnjax.cells.minimal import min_gru, min_lstm
from rnnjax.cells.multiplicative import multiplicative_rnn, tensor_rnn
from rnnjax.cells.mut import mut1, mut2, mut3
from rnnjax.cells.orthogonal import orthogonal_rnn
from rnnjax.cells.parts.parametrizations import cayley_transform, householder_product
from rnnjax.cells.qrnn import qrnn
from rnnjax.cells.rg_lru import rg_lru
from rnnjax.cells.s4d import bilinear, s4d
from rnnjax.cells.slstm import slstm
from rnnjax.cells.sru import sru
from rnnjax.cells.unitary import unitary_rnn
from rnnjax.cells.wrappers.clip_cotangent import clip_cotangent
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.cells.wrappers.multiplicative_integration import multiplicative_integration
from rnnjax.cells.wrappers.output_feedback import output_feedback
from rnnjax.cells.wrappers.with_carry import with_carry
from rnnjax.layers import (
    candidate_dropout,
    causal_convolution,
    chunked_bidirectional,
    dilated,
    dilated_stack,
    highway,
    layer_norm,
    locked_dropout,
    residual,
    skip_to_output,
    variational_dropout,
    weight_drop,
    zoneout,
)
from rnnjax.layers.language_model import language_model
from tests import user_cells
from tests.cases import (
    CellCase,
    EngineCase,
    LayerCase,
    draw_forced,
    draw_tokens,
    draw_tree,
)

every = functools.partial(CellCase, every_engine=True)
every_layer = functools.partial(LayerCase, every_engine=True)

CELLS = [
    every("elman_tanh", lambda: elman(5)),
    CellCase(
        "elman_relu_no_bias",
        lambda: elman(5, activation=jax.nn.relu, use_bias=False),
    ),
    every("lstm", lambda: lstm(5)),
    CellCase(
        "lstm_no_bias_bf16",
        lambda: lstm(5, use_bias=False, compute_dtype=jnp.bfloat16),
        rounded=True,
    ),
    every("gru_after", lambda: gru(5)),
    CellCase("gru_before", lambda: gru(5, reset_after=False)),
    every("counting", lambda: user_cells.counting(5), draw=draw_tree),
    CellCase("tokens", lambda: user_cells.reading_tokens(5), 11, draw_tokens),
    CellCase("convolving", lambda: user_cells.convolving(5), (4, 3)),
    CellCase("reflecting", lambda: user_cells.reflecting(5)),
    CellCase("second_order", lambda: user_cells.of_second_order(5)),
    # wrappers
    every(
        "clip_cotangent",
        lambda: clip_cotangent(gru(5), max_norm=100.0),
        forward_mode=False,
    ),
    every("learned_initial_carry", lambda: learned_initial_carry(lstm(5))),
    CellCase("with_carry", lambda: with_carry(lstm(5))),
    CellCase("output_feedback", lambda: output_feedback(gru(5), 5)),
    # elman, jordan
    CellCase("irnn", lambda: irnn(5)),
    CellCase("elman_before_activation", lambda: elman_before_activation(5)),
    CellCase("elman_with_output", lambda: elman_with_output(5, 4)),
    CellCase("higher_order", lambda: higher_order(5, 3)),
    CellCase("jordan", lambda: jordan(5, 4)),
    CellCase("jordan_output_alone", lambda: jordan(5, 4, use_hidden=False)),
    CellCase(
        "jordan_forced",
        lambda: jordan(5, 4, teacher_forcing=True),
        draw=draw_forced,
    ),
    # linear
    CellCase("linear_system", lambda: linear_system(5, 4, use_skip=True)),
    CellCase("lru", lambda: lru(5)),
    CellCase("rg_lru", lambda: rg_lru(3)),
    CellCase("rg_lru_blocks", lambda: rg_lru(3, num_blocks=3)),
    CellCase("s4d", lambda: s4d(5)),
    CellCase("s4d_bilinear", lambda: s4d(5, discretization=bilinear)),
    # lstm
    CellCase("lstm_1997", lambda: lstm_variant(5, gates="io")),
    CellCase("lstm_peepholes", lambda: lstm_variant(5, peepholes="ifo")),
    CellCase(
        "lstm_coupled_clipped",
        lambda: lstm_variant(5, gates="io", coupled=True, peepholes="io", clip=0.5),
    ),
    CellCase(
        "lstm_no_output_gate",
        lambda: lstm_variant(5, gates="if", output_activation="identity"),
    ),
    CellCase("lstm_projected", lambda: lstm_projected(5, 4)),
    CellCase("lstm_layer_norm", lambda: lstm_layer_norm(5)),
    CellCase("lstm_multiplicative", lambda: lstm_multiplicative(5)),
    CellCase("lstm_full_gate", lambda: lstm_full_gate(5, use_peepholes=True)),
    CellCase("lstm_convolutional", lambda: lstm_convolutional(2, (4,), (3,)), (4, 3)),
    CellCase(
        "lstm_convolutional_2d",
        lambda: lstm_convolutional(2, (4, 3), (2, 3), use_peepholes=True),
        (4, 3, 3),
    ),
    CellCase("slstm", lambda: slstm(4, num_heads=2)),
    CellCase("slstm_exponential", lambda: slstm(5, exponential_forget=True)),
    CellCase("janet", lambda: janet(5)),
    # gru
    CellCase("gru_layer_norm", lambda: gru_layer_norm(5)),
    CellCase("mgu", lambda: mgu(5)),
    CellCase("ugrnn", lambda: ugrnn(5)),
    CellCase("mut1", lambda: mut1(5)),
    CellCase("mut2", lambda: mut2(5)),
    CellCase("mut3", lambda: mut3(5)),
    CellCase("min_gru", lambda: min_gru(5)),
    CellCase("min_lstm", lambda: min_lstm(5)),
    CellCase(
        "gru_other_activations",
        lambda: gru(5, gate_activation="sin", activation="softsign"),
    ),
    CellCase("gru_convolutional", lambda: gru_convolutional(2, (4,), (3,)), (4, 3)),
    # multiplicative
    CellCase("multiplicative_rnn", lambda: multiplicative_rnn(5, factor_size=4)),
    CellCase("tensor_rnn", lambda: tensor_rnn(5)),
    CellCase(
        "multiplicative_integration",
        lambda: multiplicative_integration(lstm(5, use_bias=False)),
    ),
    # orthogonal
    CellCase("orthogonal_exponential", lambda: orthogonal_rnn(5)),
    CellCase(
        "orthogonal_cayley",
        lambda: orthogonal_rnn(
            5, parametrization=cayley_transform(2), activation="tanh", use_bias=False
        ),
    ),
    CellCase(
        "orthogonal_householder",
        lambda: orthogonal_rnn(5, parametrization=householder_product(3)),
    ),
    # of a size at which no modulus drawn is near 0, where modReLU turns sharply
    CellCase("unitary", lambda: unitary_rnn(10)),
    CellCase("antisymmetric", lambda: antisymmetric_rnn(5, epsilon=0.3)),
    CellCase(
        "antisymmetric_gated", lambda: antisymmetric_rnn(5, epsilon=0.3, gated=True)
    ),
    CellCase("cornn", lambda: cornn(5, dt=0.3)),
    # independent
    CellCase("indrnn", lambda: indrnn(5)),
    CellCase("sru", lambda: sru(5)),
    CellCase("sru_same_size", lambda: sru(3, highway_scale=1.7)),
    CellCase("qrnn", lambda: qrnn(5, window=3)),
    CellCase("qrnn_f", lambda: qrnn(5, window=1, pooling="f")),
    # timed
    CellCase("clockwork", lambda: clockwork(6, periods=(3, 1, 2))),
    CellCase("leaky", lambda: leaky(5, leak=0.3)),
    CellCase("ctrnn", lambda: ctrnn(5)),
    CellCase("ltc", lambda: ltc(5, num_unfolds=2)),
    # deep steps
    CellCase("recurrent_highway", lambda: recurrent_highway(5, depth=2)),
    CellCase(
        "recurrent_highway_uncoupled",
        lambda: recurrent_highway(5, depth=1, coupled=False),
    ),
    CellCase(
        "fast_weights",
        lambda: fast_weights(5, num_inner_steps=2, activation="tanh"),
    ),
]

ENGINES = [
    EngineCase("scan", scan),
    EngineCase("hoisted", hoisted),
    EngineCase("remat", remat(chunk_length=3)),
]

LAYERS = [
    every_layer("recurrent", lambda engine: recurrent(lstm(5), engine=engine)),
    LayerCase("reverse", lambda engine: recurrent(gru(5), reverse=True, engine=engine)),
    every_layer(
        "bidirectional", lambda engine: bidirectional(lstm(5), elman(4), engine=engine)
    ),
    LayerCase("dropout", lambda engine: dropout(0.4)),
    every_layer(
        "stack_dropout",
        lambda engine: stack(
            recurrent(lstm(5), engine=engine),
            dropout(0.5),
            recurrent(learned_initial_carry(gru(4)), engine=engine),
            dropout(0.3),
            dense(6),
        ),
    ),
    LayerCase(
        "stack_tokens",
        lambda engine: stack(embed(4), recurrent(gru(5), engine=engine), dense(11)),
        11,
        draw_tokens,
    ),
    LayerCase(
        "stack_bidirectional",
        lambda engine: stack(
            bidirectional(gru(5), engine=engine), dropout(0.5), dense(4)
        ),
    ),
    LayerCase(
        "language_model",
        lambda engine: language_model(
            11,
            [recurrent(gru(4), engine=engine), recurrent(lstm(5), engine=engine)],
            embedding_size=5,
            dropout_rate=0.4,
            tie_weights=True,
        ),
        11,
        draw_tokens,
    ),
    LayerCase("embed", lambda engine: embed(5), 11, draw_tokens),
    LayerCase("one_hot", lambda engine: one_hot(11), 11, draw_tokens),
    every_layer("dense", lambda engine: dense(5)),
    # wrappers
    LayerCase(
        "zoneout",
        lambda engine: zoneout(lstm(5), LSTMCarry(h=0.3, c=0.6), engine=engine),
    ),
    LayerCase(
        "candidate_dropout", lambda engine: candidate_dropout(5, 0.4, engine=engine)
    ),
    LayerCase(
        "variational_dropout",
        lambda engine: variational_dropout(gru(5), 0.4, engine=engine),
    ),
    LayerCase("weight_drop", lambda engine: weight_drop(lstm(5), 0.4, engine=engine)),
    LayerCase("locked_dropout", lambda engine: locked_dropout(0.4)),
    LayerCase("layer_norm", lambda engine: layer_norm()),
    LayerCase("residual", lambda engine: residual(zoneout(gru(3), 0.3, engine=engine))),
    LayerCase("highway", lambda engine: highway(recurrent(lstm(3), engine=engine))),
    LayerCase(
        "skip_to_output",
        lambda engine: skip_to_output(
            recurrent(lstm(5), engine=engine),
            dropout(0.4),
            recurrent(gru(4), engine=engine),
            from_input=True,
        ),
    ),
    LayerCase(
        "bidirectional_product",
        lambda engine: bidirectional(gru(5), merge=jnp.multiply, engine=engine),
    ),
    LayerCase("causal_convolution", lambda engine: causal_convolution(3, 5)),
    every_layer("dilated", lambda engine: dilated(lstm(5), 3, engine=engine)),
    LayerCase(
        "dilated_stack",
        lambda engine: dilated_stack(
            gru(5), learned_initial_carry(lstm(4)), base=2, start=1, engine=engine
        ),
    ),
    LayerCase(
        "chunked_bidirectional",
        lambda engine: chunked_bidirectional(
            lstm(5), gru(4), chunk_length=3, look_ahead=2, engine=engine
        ),
    ),
]

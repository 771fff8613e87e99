"""What the contracts are tested over: every cell, layer and engine.

Cells are listed in `rnnjax/catalogue/cells.py`, engines in `rnnjax/engines`; what is in
neither, and all layers, is registered here. What is nowhere fails
`tests/test_registry.py`.
"""

import functools

import jax.numpy as jnp

from rnnjax import (
    bidirectional,
    cell_catalogue,
    dense,
    dropout,
    elman,
    embed,
    engines,
    gru,
    lstm,
    one_hot,
    recurrent,
    remat,
    stack,
)
from rnnjax.attention.cell_stack import cell_stack
from rnnjax.catalogue import entry
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.parametrizations import cayley_transform, householder_product
from rnnjax.cells.s4d import bilinear
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
    ensemble,
    handwriting,
    highway,
    layer_norm,
    locked_dropout,
    residual,
    sample_level,
    skip_to_output,
    variational_dropout,
    weight_drop,
    zoneout,
)
from rnnjax.layers.language_model import language_model
from tests import user_cells
from tests.attention import registry as attention
from tests.cases import (
    CellCase,
    EngineCase,
    LayerCase,
    case_of_entry,
    draw_tokens,
    draw_tree,
    layer_case,
    over,
)

every = functools.partial(CellCase, every_engine=True)

# These go through all contracts on all engines in the ordinary run.
EVERY_ENGINE = {"elman(H)", "lstm(H)", "gru(H)"}

# Options that show more in seven steps than those of the catalogue, by its calls.
OPTIONS = {
    "antisymmetric_rnn(H)": {"step_size": 0.3},
    "antisymmetric_rnn(H, gated=True)": {"step_size": 0.3},
    "clockwork(H, (1, 2, 4, 8))": {"periods": (3, 1, 2, 2)},
    "cornn(H)": {"dt": 0.3},
    "fast_weights(H)": {"num_inner_steps": 2, "activation": "tanh"},
    "leaky(H)": {"leak": 0.3},
    "linear_system(H, 10)": {"use_skip": True},
    "lstm_full_gate(H)": {"use_peepholes": True},
    "lstm_projected(H, 50)": {"projection_size": 4},
    "ltc(H)": {"num_unfolds": 2},
    "multiplicative_rnn(H)": {"factor_size": 4},
    "qrnn(H, window=2)": {"window": 3},
    "recurrent_highway(H)": {"depth": 2},
}

# Other forms of the cells of the catalogue, written like its entries.
OTHER_FORMS = [
    entry("relu, no bias", "elman", activation="relu", use_bias=False),
    entry("only the output is fed back", "jordan", 4, use_hidden=False),
    entry("blocks", "rg_lru", square=True, test_size=3, num_blocks=3),
    entry("bilinear", "s4d", discretization=bilinear),
    entry(
        "coupled gates, peepholes, clipped",
        "lstm_variants.lstm_variant",
        gates="io",
        coupled=True,
        peepholes="io",
        clip=0.5,
    ),
    entry(
        "no output gate",
        "lstm_variants.lstm_variant",
        gates="if",
        output_activation="identity",
    ),
    entry("one axis", "lstm_convolutional", (4,), (3,), space=(4,), test_size=2),
    entry(
        "two unlike axes, peepholes",
        "lstm_convolutional",
        (4, 3),
        (2, 3),
        space=(4, 3),
        test_size=2,
        use_peepholes=True,
    ),
    entry("one axis", "gru_convolutional", (4,), (3,), space=(4,), test_size=2),
    entry("two heads", "slstm", test_size=4, num_heads=2),
    entry("exponential forget gate", "slstm", exponential_forget=True),
    entry("other activations", "gru", gate_activation="sin", activation="softsign"),
    entry(
        "real Cayley transform of rank 2",
        "orthogonal.orthogonal_rnn",
        parametrization=cayley_transform(2),
        activation="tanh",
        use_bias=False,
    ),
    entry(
        "fewer reflections than units",
        "orthogonal.orthogonal_rnn",
        parametrization=householder_product(3),
    ),
    entry("as wide as its inputs", "sru", test_size=3, highway_scale=1.7),
    entry("no output gate", "qrnn", window=1, pooling="f"),
    entry("uncoupled", "highway.recurrent_highway", depth=1, coupled=False),
]

CELLS = [
    *(
        case_of_entry(
            entry,
            OPTIONS.get(entry.call, {}),
            every_engine=entry.call in EVERY_ENGINE,
        )
        for entry in [*cell_catalogue(), *OTHER_FORMS]
    ),
    CellCase(
        "lstm_no_bias_bf16",
        lambda: lstm(5, use_bias=False, compute_dtype=jnp.bfloat16),
        rounded=True,
    ),
    # wrappers: `of` is the maker that a case is for
    every(
        "clip_cotangent",
        lambda: clip_cotangent(gru(5), max_norm=100.0),
        of=clip_cotangent,
        forward_mode=False,
    ),
    every(
        "learned_initial_carry",
        lambda: learned_initial_carry(lstm(5)),
        of=learned_initial_carry,
    ),
    CellCase("with_carry", lambda: with_carry(lstm(5)), of=with_carry),
    CellCase("output_feedback", lambda: output_feedback(gru(5), 5), of=output_feedback),
    CellCase(
        "multiplicative_integration_lstm",
        lambda: multiplicative_integration(lstm(5, use_bias=False)),
    ),
    CellCase("cell_stack", lambda: cell_stack(lstm(5), gru(4)), of=cell_stack),
    *attention.CELLS,
    # as a user writes them
    every("counting", lambda: user_cells.counting(5), draw=draw_tree),
    CellCase("tokens", lambda: user_cells.reading_tokens(5), 11, draw_tokens),
    CellCase("convolving", lambda: user_cells.convolving(5), (4, 3)),
    CellCase("reflecting", lambda: user_cells.reflecting(5)),
    CellCase("second_order", lambda: user_cells.of_second_order(5)),
]

# Engines that take options are tested with these.
WITH_OPTIONS = {remat: remat(chunk_length=3)}
ENGINES = [
    EngineCase(engine.__name__, WITH_OPTIONS.get(engine, engine))
    for engine in engines.ENGINES
]

LAYERS = [
    layer_case("recurrent", recurrent, lstm(5), every_engine=True),
    layer_case("reverse", recurrent, gru(5), reverse=True),
    layer_case("bidirectional", bidirectional, lstm(5), elman(4), every_engine=True),
    layer_case("dropout", dropout, 0.4),
    layer_case(
        "stack_dropout",
        *(stack, over(lstm(5)), dropout(0.5), over(learned_initial_carry(gru(4)))),
        *(dropout(0.3), dense(6)),
        every_engine=True,
    ),
    layer_case("stack_tokens", stack, embed(4), over(gru(5)), dense(11), input_size=11),
    LayerCase(
        "stack_bidirectional",
        stack,
        lambda engine: stack(
            bidirectional(gru(5), engine=engine), dropout(0.5), dense(4)
        ),
    ),
    LayerCase(
        "language_model",
        language_model,
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
    LayerCase(
        "handwriting",
        handwriting,
        lambda engine: handwriting(
            [recurrent(lstm(5), engine=engine), recurrent(gru(4), engine=engine)], 7
        ),
    ),
    LayerCase(
        "sample_level",
        sample_level,
        # Drawn carries hold whole numbers below 9, as their phases must be.
        lambda engine: sample_level(
            [recurrent(gru(4), engine=engine)],
            11,
            frame_size=9,
            context_size=2,
            embedding_size=3,
            hidden_size=5,
        ),
        11,
        draw_tokens,
    ),
    LayerCase(
        "ensemble",
        ensemble,
        lambda engine: ensemble(
            stack(recurrent(gru(5), engine=engine), dense(7)),
            stack(recurrent(lstm(4), engine=engine), dropout(0.4), dense(7)),
        ),
    ),
    *attention.LAYERS,
    layer_case("embed", embed, 5, input_size=11),
    layer_case("one_hot", one_hot, 11, input_size=11),
    layer_case("dense", dense, 5, every_engine=True),
    # wrappers
    layer_case("zoneout", zoneout, lstm(5), LSTMCarry(h=0.3, c=0.6)),
    layer_case("candidate_dropout", candidate_dropout, lstm(5), 0.4),
    layer_case("variational_dropout", variational_dropout, gru(5), 0.4),
    layer_case("weight_drop", weight_drop, lstm(5), 0.4),
    layer_case("locked_dropout", locked_dropout, 0.4),
    layer_case("layer_norm", layer_norm),
    LayerCase(
        "residual",
        residual,
        lambda engine: residual(zoneout(gru(3), 0.3, engine=engine)),
    ),
    layer_case("highway", highway, over(lstm(3))),
    layer_case(
        "skip_to_output",
        *(skip_to_output, over(lstm(5)), dropout(0.4), over(gru(4))),
        from_input=True,
    ),
    layer_case("bidirectional_product", bidirectional, gru(5), merge=jnp.multiply),
    layer_case("causal_convolution", causal_convolution, 3, 5),
    layer_case("dilated", dilated, lstm(5), 3, every_engine=True),
    layer_case(
        "dilated_stack",
        *(dilated_stack, gru(5), learned_initial_carry(lstm(4))),
        base=2,
        start=1,
    ),
    layer_case(
        "chunked_bidirectional",
        *(chunked_bidirectional, lstm(5), gru(4)),
        chunk_length=3,
        look_ahead=2,
    ),
]

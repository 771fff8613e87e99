"""What the makers of cells refuse, and what they say."""

import functools

import jax
import numpy as np

from rnnjax.cells.antisymmetric import antisymmetric_rnn
from rnnjax.cells.clockwork import clockwork
from rnnjax.cells.continuous import ctrnn, leaky
from rnnjax.cells.cornn import cornn
from rnnjax.cells.fast_weights import fast_weights
from rnnjax.cells.gru_convolutional import gru_convolutional
from rnnjax.cells.gru_layer_norm import gru_layer_norm
from rnnjax.cells.higher_order import higher_order
from rnnjax.cells.highway import recurrent_highway
from rnnjax.cells.jordan import jordan
from rnnjax.cells.linear import shift_register
from rnnjax.cells.lru import lru
from rnnjax.cells.lstm_convolutional import lstm_convolutional
from rnnjax.cells.lstm_layer_norm import lstm_layer_norm
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.cells.lstm_variants import lstm_variant, lstm_variant_step
from rnnjax.cells.ltc import ltc
from rnnjax.cells.orthogonal import orthogonal_rnn
from rnnjax.cells.qrnn import qrnn, qrnn_step
from rnnjax.cells.rg_lru import rg_lru
from rnnjax.cells.s4d import s4d
from rnnjax.cells.slstm import slstm
from tests.refusals import refuses


def shapes(spatial_shape, kernel_shape):
    return {"spatial_shape": spatial_shape, "kernel_shape": kernel_shape}


POSITIVE = "must be a positive whole number, got"
MULTIPLE = "hidden_size must be a multiple of the number of periods, got"
LETTERS = "must be letters of"
ONCE = "each at most once, got"
COUPLED = "gates must leave out one of i and f where they are coupled, got"
POOLING = r"pooling must be one of \['f', 'fo', 'ifo'\], got 'max'\."
FORCED = {"teacher_forcing": True, "use_hidden": False}
REFUSED = {
    antisymmetric_rnn: [
        ({"step_size": 0.0}, "step_size must be positive, got 0.0."),
        ({"step_size": np.nan}, "step_size must be positive, got nan."),
        ({"gamma": -1.0}, "gamma must not be negative, got -1.0."),
        ({"activation": "tahn"}, "activation must be a function or the name"),
    ],
    clockwork: [
        ({"periods": (1, 0, 2)}, f"period {POSITIVE} 0."),
        ({"periods": (1, 2.5)}, f"period {POSITIVE} 2.5."),
        ({"periods": (1, 2, 4, 8)}, f"{MULTIPLE} 6 for 4"),
        ({"periods": ()}, f"{MULTIPLE} 6 for 0"),
    ],
    leaky: [
        ({"leak": 0.0}, "leak must be above 0 and at most 1, got 0.0."),
        ({"leak": 1.5}, "leak must be above 0 and at most 1, got 1.5."),
    ],
    ctrnn: [
        ({"dt": -1.0}, "dt must be positive, got -1.0."),
        ({"dt": 3.0}, "time_constants must rise from at least dt, 3.0, got"),
        ({"time_constants": (5.0, 4.0)}, "time_constants must rise from"),
    ],
    cornn: [
        ({"dt": 0.0}, "dt must be positive, got 0.0."),
        ({"gamma": -2.0}, "gamma must not be negative, got -2.0."),
        ({"damping": -0.5}, "damping must not be negative, got -0.5."),
    ],
    fast_weights: [
        ({"num_inner_steps": 0}, "num_inner_steps must be a positive whole number"),
        ({"decay": 1.5}, "decay must be from 0 to 1, got 1.5."),
        ({"fast_rate": -0.5}, "fast_rate must not be negative, got -0.5."),
        ({"epsilon": -1.0}, "epsilon must not be negative, got -1.0."),
    ],
    gru_layer_norm: [({"epsilon": 0.0}, r"epsilon must be positive, got 0.0\.")],
    higher_order: [
        ({"order": order}, "order must be a positive whole number")
        for order in (0, -1, 1.5)
    ],
    recurrent_highway: [
        ({"depth": 0}, f"depth {POSITIVE} 0."),
        ({"activation": "tanhh"}, "activation must be a function or the name of one"),
    ],
    lru: [
        ({"min_radius": 0.9, "max_radius": 0.5}, "got 0.9 and 0.5."),
        ({"max_radius": 1.2}, "min_radius < max_radius <= 1, got 0.0"),
        ({"max_phase": 0.0}, "max_phase must be positive .* got 0.0."),
        ({"max_phase": 180}, "and at most 2π, got 180."),
    ],
    lstm_layer_norm: [
        ({"epsilon": epsilon}, f"epsilon must be positive, got {epsilon}")
        for epsilon in (0.0, -1.0, np.nan)
    ],
    lstm_projected: [({"projection_size": 0}, f"projection_size {POSITIVE} 0")],
    ltc: [
        ({"num_unfolds": 0}, f"num_unfolds {POSITIVE} 0."),
        ({"dt": 0.0}, "dt must be positive, got 0.0."),
        ({"time_constants": (0.0, 1.0)}, "time_constants must rise from above 0, got"),
    ],
    lstm_variant: [
        ({"gates": "ig"}, f"gates {LETTERS} 'ifo', {ONCE} 'ig'"),
        ({"gates": "ii"}, f"gates {LETTERS} 'ifo', {ONCE} 'ii'"),
        ({"gates": "fo", "peepholes": "io"}, f"peepholes {LETTERS} 'fo', {ONCE} 'io'"),
        ({"coupled": True}, f"{COUPLED} 'ifo'"),
        ({"coupled": True, "gates": "o"}, f"{COUPLED} 'o'"),
        ({"clip": 0.0}, "clip must be positive, got 0.0"),
        ({"clip": np.nan}, "clip must be positive, got nan"),
        ({"activation": "tahn"}, "such as 'tanh'.*, got 'tahn'"),
    ],
    lstm_convolutional: [
        (shapes((), ()), r"spatial_shape must have 1 to 3 axes, got \(\)"),
        (shapes((2,) * 4, (2,) * 4), "spatial_shape must have 1 to 3 axes, got"),
        (shapes((4, 3), (3,)), r"kernel_shape must have 2 axes, .*, got \(3,\)"),
        (shapes((4, 0), (3, 3)), f"spatial_shape {POSITIVE} 0"),
        (shapes((4,), (2.5,)), f"kernel_shape {POSITIVE} 2.5"),
    ],
    gru_convolutional: [(shapes((4, 3), (3,)), "kernel_shape must have 2 axes")],
    orthogonal_rnn: [({"activation": "modrel"}, "activation must be a func")],
    qrnn: [({"pooling": "max"}, POOLING)],
    rg_lru: [
        ({"num_blocks": 4}, "num_blocks must divide .* 6, got 4."),
        ({"max_decay": 1.0}, "max_decay must be 0 < .* got 0.9 and 1.0."),
    ],
    s4d: [({"min_dt": 0.0}, "min_dt and max_dt must be .* got 0.0 and 0.1.")],
    slstm: [({"num_heads": 4}, "hidden_size must be a multiple of num_heads 4, got 6")],
    jordan: [({"output_size": 4} | FORCED, "use_hidden must be true .* got False.")],
}


def with_inputs_of(make, *input_size):
    return make(2, (4, 3), (3, 3)).init(jax.random.key(0), input_size)


WHOLE = "must be a positive whole number"
test_bad_options_are_named = refuses(
    *(
        (functools.partial(make, 6, **options), message)
        for make, cases in REFUSED.items()
        for options, message in cases
    ),
    *(
        (functools.partial(lstm_variant_step, {}, None, None, **options), "must")
        for options in ({"gates": "ig"}, {"coupled": True}, {"clip": -1.0})
    ),
    (lambda: qrnn_step({}, {}, np.ones(2), pooling="max"), POOLING),
    (shift_register, 2, 0, f"num_steps {WHOLE}"),
    (rg_lru(2).init, jax.random.key(0), 5, "input_size must be the hidden_size, 2"),
    *(
        (with_inputs_of, make, *size, r"input_size must be \(4, 3\) and the")
        for make in (lstm_convolutional, gru_convolutional)
        for size in ((3, 4, 2), (4, 2), (4, 3))
    ),
    *(
        (with_inputs_of, make, 4, 3, 0, f"input_size {WHOLE}")
        for make in (lstm_convolutional, gru_convolutional)
    ),
)

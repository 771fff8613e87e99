"""Cells that compute what a plainer one does where some parameters are pinned."""

import functools

import jax
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.cells.continuous import leaky
from rnnjax.cells.elman_variants import elman_with_output
from rnnjax.cells.higher_order import higher_order
from rnnjax.cells.janet import janet
from rnnjax.cells.jordan import jordan
from rnnjax.cells.lstm_full_gate import lstm_full_gate
from rnnjax.cells.lstm_projected import lstm_projected
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.cells.minimal import min_gru, min_lstm
from rnnjax.cells.mut import mut2
from rnnjax.cells.orthogonal import orthogonal_rnn
from rnnjax.cells.ugrnn import ugrnn
from rnnjax.cells.wrappers.multiplicative_integration import multiplicative_integration
from rnnjax.cells.wrappers.output_feedback import output_feedback
from rnnjax.unroll import unroll
from tests.cells.paper import D, H, by_gate, draw
from tests.pytrees import assert_close


def gates(names, of_cell):
    """Makes the gates of a cell, such as "-z z n", from those of the plainer one."""

    def of_matrix(matrix):
        own = by_gate(matrix, names[: matrix.shape[-1] // H])
        own |= {f"-{name}": -part for name, part in own.items()}
        parts = [own[name] for name in of_cell.split() if name in own]
        return np.concatenate(parts, axis=-1)

    return functools.partial(jax.tree.map, of_matrix)


def by_sums_alone(params):
    cell = {name: x for name, x in params.items() if name != "bias"}
    bias = params.get("bias", np.zeros(H))
    ones = np.ones(bias.shape)
    scales = {"recurrent_scale": ones, "kernel_scale": ones, "product": 0 * ones}
    return {"cell": cell, "bias": bias} | scales


def halved(params):
    """Half of what reads h reads the output instead, which is h."""
    half = params["recurrent_kernel"] / 2
    kernel = np.concatenate([params["kernel"], half])
    return params | {"kernel": kernel, "recurrent_kernel": half}


coupled = functools.partial(lstm_variant, H, coupled=True)
orthogonal = orthogonal_rnn(H, activation="tanh", use_bias=False)
OUTPUT_IS_H = {"output_kernel": np.eye(H), "output_bias": np.zeros(H)}

# the cell, the plainer one, and how parameters of the one become those of the other:
# what is put beside them, or a function
REDUCTIONS = {
    "nothing is left": (leaky(H, leak=1.0), elman(H), {}),
    "order one": (higher_order(H, 1), elman(H), {}),
    "no shortcut": (
        elman_with_output(H, H),
        elman(H),
        OUTPUT_IS_H | {"skip_kernel": np.zeros((D, H))},
    ),
    "no feedback": (
        jordan(H, H),
        elman(H),
        OUTPUT_IS_H | {"feedback_kernel": np.zeros((H, H))},
    ),
    "feedback of h": (output_feedback(elman(H), H), elman(H), halved),
    "no variant": (lstm_variant(H), lstm(H), {}),
    "wide clip": (lstm_variant(H, clip=50.0), lstm(H), {}),
    "blind peepholes": (
        lstm_variant(H, peepholes="ifo"),
        lstm(H),
        {f"peephole_{name}": np.zeros(H) for name in "ifo"},
    ),
    "gates that do not see gates": (
        lstm_full_gate(H),
        lstm(H),
        {"gate_kernel": np.zeros((3 * H, 3 * H))},
    ),
    "projection of nothing": (
        lstm_projected(H, H),
        lstm(H),
        {"projection_kernel": np.eye(H)},
    ),
    # 1 - σ(x) = σ(-x)
    "i mirrors f": (lstm(H), coupled(gates="fo"), gates("fgo", "-f f g o")),
    "f from i": (coupled(gates="io"), coupled(gates="fo"), gates("fgo", "-f g o")),
    "one gate": (min_lstm(H), min_gru(H), gates("zn", "-z z n")),
    "z for 1 - z": (mut2(H), gru(H, reset_after=False), gates("rzn", "r -z n")),
    "no beta, c is shown": (
        janet(H, beta=0.0),
        coupled(gates="f", output_activation="identity"),
        {},
    ),
    **{
        f"sums, {name}": (multiplicative_integration(inner), plain, by_sums_alone)
        for name, inner, plain in [
            ("elman", elman(H, use_bias=False), elman(H)),
            ("lstm", lstm(H, use_bias=False), lstm(H)),
            ("ugrnn", ugrnn(H, use_bias=False), ugrnn(H)),
            ("prepared", orthogonal, orthogonal),
        ]
    },
}


@pytest.mark.parametrize(
    ("cell", "plain", "change"), REDUCTIONS.values(), ids=REDUCTIONS.keys()
)
def test_is_the_plainer_cell(x64, cell, plain, change):
    """In its outputs and in what both carry; to the bit if no parameter is changed."""
    params, inputs = draw(plain)
    own = change(params) if callable(change) else params | change
    tolerance = 1e-14 if change else 0
    carry, outputs = unroll(cell, own, inputs)
    last, want = unroll(plain, params, inputs)
    assert_close(outputs, want, tolerance)
    for got, want in zip(jax.tree.leaves(carry), jax.tree.leaves(last)):
        assert_close(got, want, tolerance)

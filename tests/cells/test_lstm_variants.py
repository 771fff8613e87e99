"""The LSTM's variants against their equations, and their reductions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_variants import lstm_variant
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import D, H, by_gate, draw, pre_activation, sigmoid
from tests.pytrees import assert_close, assert_same_bits


def hard_sigmoid(x):
    return jnp.clip(0.3 * x + 0.4, 0, 1)


VARIANTS = {
    "without_forget_gate": {"gates": "io"},
    "peepholes": {"peepholes": "ifo"},
    "one_peephole_no_bias": {"peepholes": "o", "use_bias": False},
    "coupled_f_from_i": {"gates": "io", "coupled": True, "peepholes": "i"},
    "coupled_i_from_f": {"gates": "fo", "coupled": True, "peepholes": "f"},
    "no_input_gate": {"gates": "fo", "peepholes": "fo"},
    "no_output_gate": {"gates": "if", "peepholes": "if"},
    "no_activations": {"activation": "identity", "output_activation": "identity"},
    "others": {
        "gate_activation": hard_sigmoid,
        "activation": "sin",
        "output_activation": "softsign",
        "clip": 0.7,
        "peepholes": "ifo",
    },
}
IN_NUMPY = {
    "identity": lambda x: x,
    "sin": np.sin,
    "softsign": lambda x: x / (1 + np.abs(x)),
    hard_sigmoid: lambda x: np.clip(0.3 * x + 0.4, 0, 1),
}


def from_equations(gates="ifo", coupled=False, peepholes="", clip=np.inf, **options):
    """Makes the loop of Greff et al. 2017, section 3, a part at a time."""
    squash = IN_NUMPY.get(options.get("gate_activation"), sigmoid)
    block_in = IN_NUMPY.get(options.get("activation"), np.tanh)
    block_out = IN_NUMPY.get(options.get("output_activation"), np.tanh)
    names = [name for name in "ifgo" if name in gates or name == "g"]

    @paper.over_time
    def run(params, h, c, x):
        pre = by_gate(pre_activation(params, x, h), names)

        def gate(name, c):
            if name not in gates:
                return np.ones_like(c)
            p = params[f"peephole_{name}"] if name in peepholes else 0
            return squash(np.clip(pre[name] + p * c, -clip, clip))

        i, f = gate("i", c), gate("f", c)
        if coupled:
            i, f = (1 - f, f) if "f" in gates else (i, 1 - i)
        c = c * f + i * block_in(np.clip(pre["g"], -clip, clip))
        return block_out(c) * gate("o", c), c

    return run


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_equals_equations(x64, options):
    paper.check_against_paper(lstm_variant(H, **options), from_equations(**options))


def test_with_all_parts_it_is_the_lstm_to_the_bit():
    params, inputs = jax.tree.map(np.float32, draw(lstm(H), scale=0.7))
    same = unroll(lstm_variant(H), params, inputs)
    assert_same_bits(same, unroll(lstm(H), params, inputs))


@pytest.mark.parametrize("options", [{"peepholes": "ifo"}, {"clip": 50.0}])
def test_peepholes_of_zero_and_a_wide_clip_change_nothing(x64, options):
    params, inputs = draw(lstm(H), 1, scale=0.7)
    blind = params | {f"peephole_{name}": np.zeros(H) for name in "ifo"}
    own = blind if "peepholes" in options else params
    got = unroll(lstm_variant(H, **options), own, inputs)
    assert_close(got, unroll(lstm(H), params, inputs), 1e-12)


@pytest.mark.parametrize("other", [lstm(H), lstm_variant(H, gates="io", coupled=True)])
def test_coupled_gates_mirror_each_other(x64, other):
    """1 - σ(x) = σ(-x): so an LSTM with Uᵢ = -U_f and likewise says the same.

    As does the variant that computes f from i.
    """
    cell = lstm_variant(H, gates="fo", coupled=True)
    params, inputs = draw(cell, 2, scale=0.7)

    def mirrored(matrix):
        f, g, o = np.split(matrix, 3, axis=-1)
        return np.concatenate([-f, *([f] if other is lstm(H) else []), g, o], axis=-1)

    got = unroll(other, jax.tree.map(mirrored, params), inputs)
    assert_close(got, unroll(cell, params, inputs), 1e-12)


def test_what_is_off_leaves_no_leaf():
    def leaves(**options):
        return {
            name: x.shape for name, x in draw(lstm_variant(H, **options))[0].items()
        }

    plain = {"kernel": (D, 4 * H), "recurrent_kernel": (H, 4 * H)}
    biased = plain | {"bias": (4 * H,)}
    assert leaves(use_bias=False) == plain
    assert leaves() == biased
    assert leaves(peepholes="oi") == biased | {"peephole_i": (H,), "peephole_o": (H,)}
    alone = {"kernel": (D, H), "recurrent_kernel": (H, H)}
    assert leaves(gates="", use_bias=False) == alone

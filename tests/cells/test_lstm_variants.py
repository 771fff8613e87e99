"""The LSTM's variants against their equations, and their reductions."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import lstm
from rnnjax.cells.lstm_variants import lstm_variant, lstm_variant_step
from rnnjax.unroll import unroll
from tests.cells.paper import (
    B,
    D,
    H,
    T,
    by_gate,
    check_against_paper,
    draw_params,
    sigmoid,
)
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


def from_equations(
    gates="ifo",
    coupled=False,
    peepholes="",
    clip=np.inf,
    use_bias=True,
    gate_activation=None,
    activation=None,
    output_activation=None,
):
    """Makes the loop of Greff et al. 2017, section 3, a part at a time."""
    squash = IN_NUMPY.get(gate_activation, sigmoid)
    block_in = IN_NUMPY.get(activation, np.tanh)
    block_out = IN_NUMPY.get(output_activation, np.tanh)
    names = [name for name in "ifgo" if name in gates or name == "g"]

    def run(params, carry, inputs):
        U = by_gate(params["kernel"], names)
        W = by_gate(params["recurrent_kernel"], names)
        b = by_gate(params["bias"], names) if use_bias else dict.fromkeys("ifgo", 0)
        (h, c), outputs = carry, []
        for x in inputs:
            pre = {name: x @ U[name] + h @ W[name] + b[name] for name in names}
            i = f = o = np.ones_like(c)
            if "i" in gates:
                p = params["peephole_i"] if "i" in peepholes else 0
                i = squash(np.clip(pre["i"] + p * c, -clip, clip))
            if "f" in gates:
                p = params["peephole_f"] if "f" in peepholes else 0
                f = squash(np.clip(pre["f"] + p * c, -clip, clip))
            if coupled and "f" in gates:
                i = 1 - f
            elif coupled:
                f = 1 - i
            c = c * f + i * block_in(np.clip(pre["g"], -clip, clip))
            if "o" in gates:
                p = params["peephole_o"] if "o" in peepholes else 0
                o = squash(np.clip(pre["o"] + p * c, -clip, clip))
            h = block_out(c) * o
            outputs.append(h)
        return (h, c), np.stack(outputs)

    return run


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
def test_equals_equations(x64, options):
    check_against_paper(lstm_variant(H, **options), from_equations(**options))


def shapes_of(cell):
    return jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))


draw = functools.partial(draw_params, dtype=np.float32, scale=0.7)


def test_with_all_parts_it_is_the_lstm_to_the_bit():
    rng = np.random.default_rng(0)
    params = draw(rng, lstm(H))
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    same = unroll(lstm_variant(H), params, inputs)
    assert_same_bits(same, unroll(lstm(H), params, inputs))


def test_peepholes_of_zero_change_nothing():
    rng = np.random.default_rng(1)
    params = draw(rng, lstm(H))
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    blind = params | {f"peephole_{name}": np.zeros(H, np.float32) for name in "ifo"}
    got = unroll(lstm_variant(H, peepholes="ifo"), blind, inputs)
    assert_close(got, unroll(lstm(H), params, inputs), 1e-6)


def test_coupled_is_an_lstm_whose_input_gate_mirrors_the_forget_gate(x64):
    """1 - σ(x) = σ(-x): so an LSTM with Uᵢ = -U_f and likewise says the same."""
    rng = np.random.default_rng(2)
    cell = lstm_variant(H, gates="fo", coupled=True)
    params = jax.tree.map(np.float64, draw(rng, cell))
    inputs = rng.normal(size=(T, B, D))

    def mirrored(matrix):
        f, *rest = np.split(matrix, 3, axis=-1)
        return np.concatenate([-f, f, *rest], axis=-1)

    want = unroll(lstm(H), jax.tree.map(mirrored, params), inputs)
    assert_close(unroll(cell, params, inputs), want, 1e-12)


def test_the_two_ways_to_couple_mirror_each_other(x64):
    rng = np.random.default_rng(3)
    cell = lstm_variant(H, gates="fo", coupled=True)
    params = jax.tree.map(np.float64, draw(rng, cell))
    inputs = rng.normal(size=(T, B, D))

    def mirrored(matrix):
        f, g, o = np.split(matrix, 3, axis=-1)
        return np.concatenate([-f, g, o], axis=-1)

    other = lstm_variant(H, gates="io", coupled=True)
    got = unroll(other, jax.tree.map(mirrored, params), inputs)
    assert_close(got, unroll(cell, params, inputs), 1e-12)


def test_a_wide_clip_changes_nothing():
    rng = np.random.default_rng(4)
    params = draw(rng, lstm(H))
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    got = unroll(lstm_variant(H, clip=50.0), params, inputs)
    assert_close(got, unroll(lstm(H), params, inputs), 1e-6)


def test_what_is_off_leaves_no_leaf():
    def leaves(**options):
        shapes = shapes_of(lstm_variant(H, **options))
        return {name: x.shape for name, x in shapes.items()}

    plain = {"kernel": (D, 4 * H), "recurrent_kernel": (H, 4 * H)}
    assert leaves(use_bias=False) == plain
    assert leaves() == plain | {"bias": (4 * H,)}
    peeping = {"peephole_i": (H,), "peephole_o": (H,)}
    assert leaves(peepholes="oi") == plain | {"bias": (4 * H,)} | peeping
    assert leaves(gates="", use_bias=False) == {
        "kernel": (D, H),
        "recurrent_kernel": (H, H),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"gates": "ig"},
            "gates must be letters of 'ifo', each at most once, got 'ig'",
        ),
        (
            {"gates": "ii"},
            "gates must be letters of 'ifo', each at most once, got 'ii'",
        ),
        (
            {"gates": "fo", "peepholes": "io"},
            "peepholes must be letters of 'fo', each at most once, got 'io'",
        ),
        (
            {"coupled": True},
            "gates must leave out one of i and f where they are coupled, got 'ifo'",
        ),
        (
            {"coupled": True, "gates": "o"},
            "gates must leave out one of i and f where they are coupled, got 'o'",
        ),
        ({"clip": 0.0}, "clip must be positive, got 0.0"),
        ({"clip": np.nan}, "clip must be positive, got nan"),
        ({"activation": "tahn"}, "such as 'tanh'.*, got 'tahn'"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        lstm_variant(H, **options)


def test_public_step_refuses_what_the_maker_refuses():
    for options in ({"gates": "ig"}, {"coupled": True}, {"clip": -1.0}):
        with pytest.raises(ValueError, match="must"):
            lstm_variant_step({}, None, None, **options)

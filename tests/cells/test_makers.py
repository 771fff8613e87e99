"""What every maker of a cell promises beside its equations."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.cells.elman import elman_step
from rnnjax.cells.gru import gru_reset_before_step, gru_step
from rnnjax.cells.lstm import lstm_step
from rnnjax.cells.lstm_multiplicative import (
    lstm_multiplicative,
    lstm_multiplicative_step,
)
from rnnjax.cells.lstm_variants import lstm_variant, lstm_variant_step
from rnnjax.cells.slstm import slstm, slstm_step
from rnnjax.unroll import unroll
from tests.loop import in_numpy
from tests.trees import assert_close, assert_same_bits, draw_like

T, B, D, H = 7, 3, 2, 5
MAKERS = {
    "elman": (elman, elman_step, 1),
    "lstm": (lstm, lstm_step, 4),
    "gru": (gru, gru_step, 3),
    "gru_before": (
        functools.partial(gru, reset_after=False),
        gru_reset_before_step,
        3,
    ),
    "lstm_variant": (lstm_variant, lstm_variant_step, 4),
    "lstm_multiplicative": (lstm_multiplicative, lstm_multiplicative_step, 4),
    "slstm": (slstm, slstm_step, 4),
}


@pytest.fixture(params=MAKERS.values(), ids=MAKERS.keys())
def family(request):
    return request.param


@functools.cache
def wide_init(make):
    """Compiles an initialization wide enough to see what is drawn."""
    cell = make(
        40,
        kernel_init=jax.nn.initializers.glorot_uniform(),
        bias_init=jax.nn.initializers.normal(1.0),
    )
    return in_numpy(functools.partial(cell.init, input_size=400))


def shapes_of(cell):
    return jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))


def draw_params(cell):
    return draw_like(np.random.default_rng(1), shapes_of(cell), np.float32)


def draw_step(cell, params):
    rng = np.random.default_rng(0)
    carry = jax.tree.map(
        lambda x: rng.normal(size=x.shape).astype(x.dtype),
        cell.initial_carry(params, (B,)),
    )
    return carry, rng.normal(size=(B, D)).astype(np.float32)


def test_step_is_the_public_step(family):
    make, public_step, _ = family
    for use_bias in (True, False):
        cell = make(H, use_bias=use_bias)
        params = draw_params(cell)
        carry, inputs = draw_step(cell, params)
        got = cell.step(params, carry, inputs)
        assert_same_bits(got, public_step(params, carry, inputs))


def test_public_step_takes_an_activation():
    cell = elman(H, activation=jax.nn.relu)
    params = draw_params(cell)
    carry, inputs = draw_step(cell, params)
    want = elman_step(params, carry, inputs, activation=jax.nn.relu)
    assert_same_bits(cell.step(params, carry, inputs), want)


def test_step_is_a_scan_body(family):
    make, _, _ = family
    cell = make(H)
    params = draw_params(cell)
    inputs = np.random.default_rng(0).normal(size=(T, B, D)).astype(np.float32)
    step = functools.partial(cell.step, params)
    carry = cell.initial_carry(params, (B,))
    got = jax.lax.scan(step, carry, inputs)
    assert_close(got, unroll(cell, params, inputs), 1e-6)


def test_equal_options_give_the_same_cell(family):
    make, _, _ = family
    cell = make(H)
    assert make(hidden_size=H) is cell
    assert make(H, use_bias=True, dtype=jnp.float32) is cell
    for other in (make(H + 1), make(H, use_bias=False), make(H, dtype=jnp.bfloat16)):
        assert other is not cell


def test_two_calls_are_traced_once():
    """A cell made anew, and a new array, run the program that was compiled."""
    traces = []

    @functools.partial(jax.jit, static_argnums=0)
    def run(cell, params, inputs):
        traces.append(inputs.shape)
        return unroll(cell, params, inputs)

    params = draw_params(lstm(H))
    inputs = np.ones((T, B, D), np.float32)
    first = run(lstm(H), params, inputs)
    second = run(lstm(H, forget_bias=1.0), params, 2 * inputs)
    assert traces == [(T, B, D)]
    assert not np.array_equal(first[1], second[1])
    run(lstm(H), params, inputs[:4])
    assert traces == [(T, B, D), (4, B, D)]


def test_options_that_are_off_leave_no_leaf(family):
    make, _, _ = family
    biased, plain = (shapes_of(make(H, use_bias=bias)) for bias in (True, False))
    assert {name for name in biased if "bias" in name}
    assert set(plain) == {name for name in biased if "bias" not in name}


def test_biases_are_what_their_initializer_draws(family):
    make, _, _ = family
    params = wide_init(make)(jax.random.key(0))
    drawn = np.concatenate([params[name] for name in params if "bias" in name])
    assert abs(drawn.std() - 1) < 0.4
    assert len(np.unique(drawn)) == len(drawn)


def test_every_gate_is_orthogonal(family):
    make, _, num_gates = family
    params = wide_init(make)(jax.random.key(0))
    names = [
        name for name in ("recurrent_kernel", "candidate_kernel") if name in params
    ]
    recurrent = np.concatenate([params[name] for name in names], axis=1)
    gates = np.split(recurrent, num_gates, axis=1)
    for gate in gates:
        np.testing.assert_allclose(gate.T @ gate, np.eye(40), atol=1e-5)
    for first, second in zip(gates, gates[1:]):
        assert not np.allclose(first, second, atol=0.1)


def test_every_gate_has_its_own_fan(family):
    """Each input matrix is drawn as of 400 by 40, not as that of all gates."""
    make, _, num_gates = family
    kernel = wide_init(make)(jax.random.key(0))["kernel"]
    for gate in np.split(kernel, num_gates, axis=1):
        assert abs(gate.var() * (400 + 40) / 2 - 1) < 0.05


def test_kernels_keep_the_variance_of_inputs():
    kernel = jax.jit(lambda key: lstm(40).init(key, 400))(jax.random.key(0))["kernel"]
    assert abs(kernel.var() * 400 - 1) < 0.05


def test_init_depends_on_its_key_alone(family):
    make, _, _ = family
    one, same, other = (wide_init(make)(jax.random.key(seed)) for seed in (0, 0, 1))
    assert_same_bits(one, same)
    for name in one:
        assert not np.array_equal(one[name], other[name])


def test_initial_carry_is_zeros_of_the_parameters_dtype(family):
    make, _, _ = family
    for dtype in (jnp.float32, jnp.bfloat16):
        cell = make(H)
        params = draw_like(np.random.default_rng(0), shapes_of(cell), dtype)
        params = jax.tree.map(jnp.asarray, params)
        leaves = jax.tree.leaves(cell.initial_carry(params, (4, B)))
        assert len({id(leaf) for leaf in leaves}) == len(leaves)  # each can be donated
        for leaf in leaves:
            assert leaf.shape == (4, B, H) and leaf.dtype == dtype
            assert not leaf.any()


def test_true_is_not_one():
    """Though equal to it: what was made for 1 is not given for True."""
    assert elman(1) is elman(hidden_size=1)
    with pytest.raises(ValueError, match="must be a positive whole number, got True"):
        elman(True)

"""What makers of gated, independent and multiplicative cells promise alike."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.cells.gru_layer_norm import gru_layer_norm, gru_layer_norm_step
from rnnjax.cells.indrnn import indrnn, indrnn_step
from rnnjax.cells.mgu import mgu, mgu_step
from rnnjax.cells.minimal import min_gru, min_gru_step, min_lstm, min_lstm_step
from rnnjax.cells.multiplicative import (
    multiplicative_rnn,
    multiplicative_rnn_step,
    tensor_rnn,
    tensor_rnn_step,
)
from rnnjax.cells.mut import mut1, mut1_step, mut2, mut2_step, mut3, mut3_step
from rnnjax.cells.qrnn import qrnn, qrnn_step
from rnnjax.cells.sru import sru, sru_step
from rnnjax.cells.ugrnn import ugrnn, ugrnn_step
from tests.loop import in_numpy
from tests.trees import assert_same_bits, draw_like

B, D, H = 3, 2, 5
KEY = jax.random.key(0)
STEPS = {
    gru_layer_norm: gru_layer_norm_step,
    indrnn: indrnn_step,
    mgu: mgu_step,
    min_gru: min_gru_step,
    min_lstm: min_lstm_step,
    multiplicative_rnn: multiplicative_rnn_step,
    mut1: mut1_step,
    mut2: mut2_step,
    mut3: mut3_step,
    qrnn: qrnn_step,
    sru: sru_step,
    tensor_rnn: tensor_rnn_step,
    ugrnn: ugrnn_step,
}
OPTIONS = {  # those that the step takes too
    gru_layer_norm: {"epsilon": 0.3},
    indrnn: {"activation": "sin"},
    qrnn: {"pooling": "ifo"},
    sru: {"highway_scale": 1.7},
    tensor_rnn: {"activation": "tanh"},
}
of_every_maker = pytest.mark.parametrize("make", STEPS, ids=lambda make: make.__name__)


@of_every_maker
def test_step_is_the_public_step(make):
    rng = np.random.default_rng(0)
    for options in ({}, OPTIONS.get(make, {})):
        cell = make(H, **options)
        shapes = jax.eval_shape(lambda key, cell=cell: cell.init(key, D), KEY)
        params = draw_like(rng, shapes, np.float32)
        carry = draw_like(rng, cell.initial_carry(params, (B,)), np.float32)
        inputs = rng.normal(size=(B, D)).astype(np.float32)
        want = STEPS[make](params, carry, inputs, **options)
        assert_same_bits(cell.step(params, carry, inputs), want)


@of_every_maker
def test_equal_options_give_the_same_cell(make):
    cell = make(H)
    assert make(hidden_size=H, use_bias=True, dtype=jnp.float32) is cell
    for other in (make(H + 1), make(H, use_bias=False), make(H, dtype=jnp.bfloat16)):
        assert other is not cell


@pytest.fixture(scope="module")
def drawn():
    """Parameters of every maker, of two keys, by one program."""

    def init(key):
        normal = jax.nn.initializers.normal(1.0)
        return {make.__name__: make(H, bias_init=normal).init(key, D) for make in STEPS}

    init = in_numpy(init)
    return init(jax.random.key(0)), init(jax.random.key(1))


@of_every_maker
def test_every_recurrent_matrix_is_orthogonal(drawn, make):
    for name, kernel in drawn[0][make.__name__].items():
        if name not in ("recurrent_kernel", "candidate_kernel", "update_kernel"):
            continue
        gates = np.split(kernel.reshape(H, -1), kernel.size // H**2, axis=1)
        for gate in gates:
            np.testing.assert_allclose(gate.T @ gate, np.eye(H), atol=1e-5)
        for first, second in zip(gates, gates[1:]):
            assert not np.allclose(first, second, atol=0.1)


@of_every_maker
def test_all_that_is_random_depends_on_the_key(drawn, make):
    one, other = (params[make.__name__] for params in drawn)
    for name in one:
        constant = name.endswith("_scale") and make is not indrnn
        assert np.array_equal(one[name], other[name]) == constant, name


@of_every_maker
def test_biases_are_drawn_by_their_initializer(drawn, make):
    params = drawn[0][make.__name__]
    biases = np.concatenate([params[name] for name in params if "bias" in name])
    assert len(np.unique(biases)) == len(biases)


def test_without_bias_there_is_no_such_leaf():
    for make in STEPS:
        cell = make(H, use_bias=False)
        shapes = jax.eval_shape(lambda key, cell=cell: cell.init(key, D), KEY)
        assert not [name for name in shapes if "bias" in name]


def test_unknown_options_are_refused():
    for make in STEPS:
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            make(H, use_biass=True)
    for make in (indrnn, min_gru, min_lstm, sru, qrnn):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            make(H, recurrent_kernel_init=jax.nn.initializers.orthogonal())

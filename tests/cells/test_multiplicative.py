"""Networks in which the input chooses the matrix, against their papers."""

import jax
import numpy as np
import pytest

from rnnjax import Cell, elman, gru, lstm
from rnnjax.cells.multiplicative import multiplicative_rnn, tensor_rnn
from rnnjax.cells.orthogonal import orthogonal_rnn
from rnnjax.cells.ugrnn import ugrnn
from rnnjax.cells.wrappers.learned_initial_carry import learned_initial_carry
from rnnjax.cells.wrappers.multiplicative_integration import (
    multiplicative_integration,
    multiplicative_integration_step,
)
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper, sigmoid
from tests.trees import assert_close

FACTORS = 4


def draw(cell, seed=0):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    return jax.tree.map(lambda x: rng.normal(size=x.shape), shapes), rng


def test_multiplicative_equals_paper(x64):
    def from_paper(params, carry, inputs):
        (h,), outputs = carry, []
        for x in inputs:
            f = (x @ params["factor_kernel"]) * (h @ params["recurrent_kernel"])
            pre = f @ params["candidate_kernel"] + x @ params["kernel"]
            h = np.tanh(pre + params["bias"])
            outputs.append(h)
        return (h,), np.stack(outputs)

    check_against_paper(multiplicative_rnn(H, factor_size=FACTORS), from_paper)


def test_multiplicative_has_a_matrix_an_input(x64):
    """For a one-hot input, that of an Elman network."""
    cell = multiplicative_rnn(H, factor_size=FACTORS)
    params, rng = draw(cell)
    carry = rng.normal(size=(B, H))
    for k, x in enumerate(np.eye(D)):
        own = {
            "kernel": params["kernel"],
            "bias": params["bias"],
            "recurrent_kernel": params["recurrent_kernel"]
            @ np.diag(params["factor_kernel"][k])
            @ params["candidate_kernel"],
        }
        inputs = np.broadcast_to(x, (B, D))
        want = elman(H).step(own, carry, inputs)
        assert_close(cell.step(params, carry, inputs), want, 1e-12)


def test_tensor_equals_paper(x64):
    def from_paper(params, carry, inputs):
        (h,), outputs = carry, []
        for x in inputs:
            pre = np.einsum("bi,ijk,bj->bk", h, params["recurrent_kernel"], x)
            h = sigmoid(pre + params["bias"])
            outputs.append(h)
        return (h,), np.stack(outputs)

    check_against_paper(tensor_rnn(H), from_paper)


def test_tensor_runs_an_automaton(x64):
    """Parity of the ones seen: two states, and a matrix a symbol that moves them."""
    stay, swap = np.eye(2), np.eye(2)[::-1]
    params = {"recurrent_kernel": np.stack([stay, swap], axis=1)}
    cell = tensor_rnn(2, activation="identity", use_bias=False)
    bits = np.random.default_rng(0).integers(2, size=(20, B))
    carry = np.broadcast_to([1.0, 0.0], (B, 2))
    _, outputs = unroll(cell, params, np.eye(2)[bits], carry=carry)
    np.testing.assert_array_equal(outputs[..., 1], bits.cumsum(0) % 2)


def test_integration_equals_paper(x64):
    """Wu et al. 2016, equation 4; its parameters in a dict of dicts, so by hand."""
    cell = multiplicative_integration(elman(H, use_bias=False))
    params, rng = draw(cell)
    h = rng.normal(size=(B, H))
    for x in rng.normal(size=(T, B, D)):
        got = multiplicative_integration_step(params, h, x)
        assert_close(got, cell.step(params, h, x), 0)
        wx = x @ params["cell"]["kernel"]
        uh = h @ params["cell"]["recurrent_kernel"]
        h = params["product"] * wx * uh + params["recurrent_scale"] * uh
        h = np.tanh(h + params["kernel_scale"] * wx + params["bias"])
        assert_close(got[1], h, 1e-12)


@pytest.mark.parametrize("make", [elman, lstm, ugrnn])
def test_integration_by_sums_alone_is_the_cell(x64, make):
    cell = multiplicative_integration(make(H, use_bias=False))
    params, rng = draw(cell)
    params["product"] = np.zeros_like(params["product"])
    for name in ("recurrent_scale", "kernel_scale"):
        params[name] = np.ones_like(params[name])
    inputs = rng.normal(size=(T, B, D))
    own = params["cell"] | {"bias": params["bias"]}
    got = unroll(cell, params, inputs)
    assert_close(got, unroll(make(H), own, inputs), 1e-13)


def test_integration_takes_prepared_parameters(x64):
    """Of a cell whose recurrent matrix is made of its parameters."""
    plain = orthogonal_rnn(H, activation="tanh", use_bias=False)
    cell = multiplicative_integration(plain)
    params, rng = draw(cell)
    params |= {"product": np.zeros(H), "bias": np.zeros(H)}
    params |= {"recurrent_scale": np.ones(H), "kernel_scale": np.ones(H)}
    inputs = rng.normal(size=(T, B, D))
    want = unroll(plain, params["cell"], inputs)
    assert_close(unroll(cell, params, inputs), want, 1e-12)


def test_cells_that_cannot_integrate_are_refused():
    plain = elman(H)
    alone = Cell(plain.init, plain.initial_carry, plain.step)
    with pytest.raises(ValueError, match="cell must have factors, got a step alone."):
        multiplicative_integration(alone)
    with pytest.raises(ValueError, match="cell must have no bias"):
        multiplicative_integration(plain).init(jax.random.key(0), D)
    with pytest.raises(ValueError, match="cell must have no bias"):
        nested = multiplicative_integration(learned_initial_carry(plain))
        nested.init(jax.random.key(0), D)
    with pytest.raises(ValueError, match="cell must have a pull of one array"):
        multiplicative_integration(gru(H, use_bias=False)).init(jax.random.key(0), D)

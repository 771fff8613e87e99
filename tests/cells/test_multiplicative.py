"""Networks in which the input chooses the matrix, against their papers."""

import numpy as np

from rnnjax import elman
from rnnjax.cells.multiplicative import multiplicative_rnn, tensor_rnn
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, check_step_of_paper, draw, sigmoid
from tests.pytrees import assert_close

MULTIPLICATIVE = multiplicative_rnn(H, factor_size=4)


def test_multiplicative_equals_paper(x64):
    def step(params, h, x):
        f = (x @ params["factor_kernel"]) * (h @ params["recurrent_kernel"])
        pre = f @ params["candidate_kernel"] + x @ params["kernel"]
        return np.tanh(pre + params["bias"])

    check_step_of_paper(MULTIPLICATIVE, step)


def test_multiplicative_has_a_matrix_an_input(x64):
    """For a one-hot input, that of an Elman network."""
    params, _ = draw(MULTIPLICATIVE, scale=1.0)
    carry = np.random.default_rng(1).normal(size=(B, H))
    for k, x in enumerate(np.eye(D)):
        own = {name: params[name] for name in ("kernel", "bias")}
        factors = params["recurrent_kernel"] * params["factor_kernel"][k]
        own["recurrent_kernel"] = factors @ params["candidate_kernel"]
        inputs = np.broadcast_to(x, (B, D))
        want = elman(H).step(own, carry, inputs)
        assert_close(MULTIPLICATIVE.step(params, carry, inputs), want, 1e-12)


def test_tensor_equals_paper(x64):
    def step(params, h, x):
        pre = np.einsum("bi,ijk,bj->bk", h, params["recurrent_kernel"], x)
        return sigmoid(pre + params["bias"])

    check_step_of_paper(tensor_rnn(H), step)


def test_tensor_runs_an_automaton(x64):
    """Parity of the ones seen: two states, and a matrix a symbol that moves them."""
    stay, swap = np.eye(2), np.eye(2)[::-1]
    params = {"recurrent_kernel": np.stack([stay, swap], axis=1)}
    cell = tensor_rnn(2, activation="identity", use_bias=False)
    bits = np.random.default_rng(0).integers(2, size=(20, B))
    carry = np.broadcast_to([1.0, 0.0], (B, 2))
    _, outputs = unroll(cell, params, np.eye(2)[bits], carry=carry)
    np.testing.assert_array_equal(outputs[..., 1], bits.cumsum(0) % 2)

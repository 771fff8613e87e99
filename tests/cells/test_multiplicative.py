"""Networks in which the input chooses the matrix, against their papers."""

import jax
import numpy as np

from rnnjax import elman
from rnnjax.cells.multiplicative import multiplicative_rnn, tensor_rnn
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, check_against_paper, sigmoid
from tests.pytrees import assert_close

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

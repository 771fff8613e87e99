"""Networks in which the input chooses the matrix, against their papers."""

import functools

import numpy as np

from rnnjax import elman
from rnnjax.cells.multiplicative import multiplicative_rnn, tensor_rnn
from tests.cells.paper import B, D, H, draw, equals_paper, sigmoid
from tests.pytrees import assert_close

make = functools.partial(multiplicative_rnn, factor_size=4)


@equals_paper(make)
def test_multiplicative_equals_paper(params, h, x):
    f = (x @ params["factor_kernel"]) * (h @ params["recurrent_kernel"])
    pre = f @ params["candidate_kernel"] + x @ params["kernel"]
    return np.tanh(pre + params["bias"])


def test_multiplicative_has_a_matrix_an_input(x64):
    """For a one-hot input, that of an Elman network."""
    cell = make(H)
    params, _ = draw(cell, scale=1.0)
    carry = np.random.default_rng(1).normal(size=(B, H))
    for k, x in enumerate(np.eye(D)):
        own = {name: params[name] for name in ("kernel", "bias")}
        factors = params["recurrent_kernel"] * params["factor_kernel"][k]
        own["recurrent_kernel"] = factors @ params["candidate_kernel"]
        inputs = np.broadcast_to(x, (B, D))
        want = elman(H).step(own, carry, inputs)
        assert_close(cell.step(params, carry, inputs), want, 1e-12)


@equals_paper(tensor_rnn)
def test_tensor_equals_paper(params, h, x):
    pre = np.einsum("bi,ijk,bj->bk", h, params["recurrent_kernel"], x)
    return sigmoid(pre + params["bias"])

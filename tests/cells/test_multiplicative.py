"""Networks in which the input chooses the matrix, against their papers."""

import functools

import numpy as np

from rnnjax.cells.multiplicative import multiplicative_rnn, tensor_rnn
from tests.cells.paper import equals_paper, sigmoid

make = functools.partial(multiplicative_rnn, factor_size=4)


@equals_paper(make)
def test_multiplicative_equals_paper(params, h, x):
    f = (x @ params["factor_kernel"]) * (h @ params["recurrent_kernel"])
    pre = f @ params["candidate_kernel"] + x @ params["kernel"]
    return np.tanh(pre + params["bias"])


@equals_paper(tensor_rnn)
def test_tensor_equals_paper(params, h, x):
    pre = np.einsum("bi,ijk,bj->bk", h, params["recurrent_kernel"], x)
    return sigmoid(pre + params["bias"])

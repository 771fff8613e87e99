"""The LSTM against the papers' equations, and its bias."""

import jax
import numpy as np

from rnnjax import lstm
from tests.cells.paper import (
    H,
    by_gate,
    equals_paper,
    initial,
    pre_activation,
    sigmoid,
)


@equals_paper(lstm)
def test_equals_paper(params, h, c, x):
    """Gers et al. 2000; to the forget gate nothing is added but its bias."""
    pre = by_gate(pre_activation(params, x, h), "ifgo")
    i, f, o = (sigmoid(pre[name]) for name in "ifo")
    c = f * c + i * np.tanh(pre["g"])
    return o * np.tanh(c), c


def test_forget_bias_is_one_unless_told():
    for options, forget_bias in (({}, 1.0), ({"forget_bias": 0.0}, 0.0)):
        bias = initial(lstm(H, **options))["bias"]
        np.testing.assert_array_equal(bias, np.repeat([0, forget_bias, 0, 0], H))


def test_kernels_keep_the_variance_of_inputs():
    cell = lstm(40, recurrent_kernel_init=jax.nn.initializers.zeros)
    kernel = initial(cell, 400)["kernel"]
    assert abs(kernel.var() * 400 - 1) < 0.05

"""Fast weights against their paper: the matrix kept, or attention to the past."""

import functools

import numpy as np

from rnnjax.cells.fast_weights import fast_weights
from rnnjax.unroll import unroll
from tests.cells.paper import B, H, T, draw, equals_paper, layer_norm
from tests.pytrees import assert_close


@equals_paper(
    functools.partial(fast_weights, activation="tanh"),
    {"decay": 0.8, "fast_rate": 0.3, "num_inner_steps": 1},
    {"decay": 0.8, "fast_rate": 0.3, "num_inner_steps": 3},
)
def test_equals_paper(params, A, h, x, decay, fast_rate, num_inner_steps):
    """Ba et al. 2016, equations 1, 2 and 5, one sequence at a time."""
    A, new = A.copy(), np.empty_like(h)
    for row in range(B):
        sustained = x[row] @ params["kernel"] + h[row] @ params["recurrent_kernel"]
        s = np.tanh(sustained)
        for _ in range(num_inner_steps):
            s = layer_norm(sustained + A[row] @ s, params["scale"])
            s = np.tanh(s + params["bias"])
        new[row] = s
        A[row] = decay * A[row] + fast_rate * np.outer(s, s)
    return (A, new), new


def test_fast_weights_are_attention_to_the_past(x64):
    """Equation 4: A s = η Σ λ^(t-τ) h_τ (h_τ · s) over the outputs so far."""
    cell = fast_weights(H, decay=0.9)
    params, inputs = draw(cell, 1, scale=1.0)
    carry, outputs = unroll(cell, params, inputs)
    s = np.random.default_rng(2).normal(size=H)
    weights = 0.5 * 0.9 ** np.arange(T)[::-1, None] * (outputs @ s)
    assert_close(carry.A @ s, (weights[..., None] * outputs).sum(axis=0), 1e-13)

"""Fast weights against their paper: the matrix kept, or attention to the past."""

import numpy as np
import pytest

from rnnjax.cells.fast_weights import fast_weights
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import B, H, T, draw, layer_norm, over_time, pre_activation
from tests.pytrees import assert_close


@pytest.mark.parametrize(("num_inner_steps", "use_bias"), [(1, False), (3, True)])
def test_equals_paper(x64, num_inner_steps, use_bias):
    """Ba et al. 2016, equations 1, 2 and 5, one sequence at a time."""

    def step(params, A, h, x):
        A, new = A.copy(), np.empty_like(h)
        for row in range(B):
            sustained = x[row] @ params["kernel"] + h[row] @ params["recurrent_kernel"]
            s = np.tanh(sustained)
            for _ in range(num_inner_steps):
                s = layer_norm(sustained + A[row] @ s, params["scale"])
                s = np.tanh(s + params["bias"] if use_bias else s)
            new[row] = s
            A[row] = 0.8 * A[row] + 0.3 * np.outer(s, s)
        return (A, new), new

    options = {"num_inner_steps": num_inner_steps, "use_bias": use_bias}
    cell = fast_weights(H, decay=0.8, fast_rate=0.3, activation="tanh", **options)
    paper.check_against_paper(cell, paper.with_outputs(step))


def test_without_fast_rate_is_a_layer_norm_network(x64):
    cell = fast_weights(H, fast_rate=0.0, num_inner_steps=2)
    params, inputs = draw(cell, scale=1.0)

    def step(params, h, x):
        pre = pre_activation(params | {"bias": 0}, x, h)
        return np.maximum(layer_norm(pre, params["scale"]) + params["bias"], 0)

    carry, outputs = unroll(cell, params, inputs)
    _, want = over_time(step)(params, (np.zeros((B, H)),), inputs)
    assert_close(outputs, want, 1e-13)
    np.testing.assert_array_equal(carry.A, 0)


def test_fast_weights_are_attention_to_the_past(x64):
    """Equation 4: A s = η Σ λ^(t-τ) h_τ (h_τ · s) over the outputs so far."""
    cell = fast_weights(H, decay=0.9)
    params, inputs = draw(cell, 1, scale=1.0)
    carry, outputs = unroll(cell, params, inputs)
    s = np.random.default_rng(2).normal(size=H)
    weights = 0.5 * 0.9 ** np.arange(T)[::-1, None] * (outputs @ s)
    assert_close(carry.A @ s, (weights[..., None] * outputs).sum(axis=0), 1e-13)

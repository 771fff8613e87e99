"""Fast weights against their paper: the matrix kept, or attention to the past."""

import numpy as np
import pytest

from rnnjax.cells.fast_weights import (
    fast_weights,
)
from rnnjax.unroll import unroll
from tests.cells.paper import B, D, H, T, check_against_paper
from tests.pytrees import assert_close


def normed(x, scale):
    mean = x.mean(axis=-1, keepdims=True)
    return scale * (x - mean) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)


@pytest.mark.parametrize(("num_inner_steps", "use_bias"), [(1, False), (3, True)])
def test_equals_paper(x64, num_inner_steps, use_bias):
    """Ba et al. 2016, equations 1, 2 and 5, one sequence at a time."""

    def from_paper(params, carry, inputs):
        A, h = carry[0].copy(), carry[1]
        outputs = np.empty((T, B, H))
        for t, x in enumerate(inputs):
            new = np.empty_like(h)
            for row in range(B):
                sustained = x[row] @ params["kernel"]
                sustained = sustained + h[row] @ params["recurrent_kernel"]
                s = np.tanh(sustained)
                for _ in range(num_inner_steps):
                    s = normed(sustained + A[row] @ s, params["scale"])
                    s = np.tanh(s + params["bias"] if use_bias else s)
                new[row] = s
                A[row] = 0.8 * A[row] + 0.3 * np.outer(s, s)
            h = outputs[t] = new
        return (A, h), outputs

    cell = fast_weights(
        H,
        num_inner_steps=num_inner_steps,
        decay=0.8,
        fast_rate=0.3,
        activation="tanh",
        use_bias=use_bias,
    )
    check_against_paper(cell, from_paper)


def draw_params(rng):
    return {
        "kernel": rng.normal(size=(D, H)),
        "recurrent_kernel": rng.normal(size=(H, H)),
        "scale": rng.normal(size=H),
        "bias": rng.normal(size=H),
    }


def test_without_fast_rate_is_a_layer_norm_network(x64):
    rng = np.random.default_rng(0)
    params, inputs = draw_params(rng), rng.normal(size=(T, B, D))
    cell = fast_weights(H, fast_rate=0.0, num_inner_steps=2)
    carry, outputs = unroll(cell, params, inputs)
    h, want = np.zeros((B, H)), []
    for x in inputs:
        pre = x @ params["kernel"] + h @ params["recurrent_kernel"]
        h = np.maximum(normed(pre, params["scale"]) + params["bias"], 0)
        want.append(h)
    assert_close(outputs, np.stack(want), 1e-13)
    np.testing.assert_array_equal(carry.A, 0)


def test_fast_weights_are_attention_to_the_past(x64):
    """Equation 4: A s = η Σ λ^(t-τ) h_τ (h_τ · s) over the outputs so far."""
    rng = np.random.default_rng(1)
    params, inputs = draw_params(rng), rng.normal(size=(T, B, D))
    carry, outputs = unroll(fast_weights(H, decay=0.9), params, inputs)
    s = rng.normal(size=H)
    weights = 0.5 * 0.9 ** np.arange(T)[::-1, None] * (outputs @ s)
    assert_close(carry.A @ s, (weights[..., None] * outputs).sum(axis=0), 1e-13)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be a positive whole number, got 0."),
        ({"num_inner_steps": 0}, "num_inner_steps must be a positive whole number"),
        ({"decay": 1.5}, "decay must be from 0 to 1, got 1.5."),
        ({"fast_rate": -0.5}, "fast_rate must not be negative, got -0.5."),
        ({"epsilon": -1.0}, "epsilon must not be negative, got -1.0."),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        fast_weights(**({"hidden_size": H} | options))

"""`layer_norm` against its equation, and what it does not see."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax.layers.layer_norm import layer_norm
from tests.pytrees import assert_close

T, B, D = 7, 3, 5


def test_equals_equation(x64):
    rng = np.random.default_rng(0)
    params = {"scale": rng.normal(size=D), "bias": rng.normal(size=D)}
    inputs = 3 + 2 * rng.normal(size=(T, B, D))
    mean, variance = (m(inputs, axis=-1, keepdims=True) for m in (np.mean, np.var))
    want = params["scale"] * (inputs - mean) / np.sqrt(variance + 1e-5) + params["bias"]
    assert_close(layer_norm().apply(params, None, inputs)[1], want, 1e-13)


def test_first_parameters_normalize_and_see_no_scale(x64):
    layer = layer_norm(use_bias=False, epsilon=1e-12, dtype=jnp.float64)
    params = layer.init(jax.random.key(0), D)
    assert set(params) == {"scale"}
    inputs = np.random.default_rng(0).normal(size=(T, B, D))
    outputs = layer.apply(params, None, inputs)[1]
    assert_close(outputs.mean(axis=-1), np.zeros((T, B)), 1e-12)
    assert_close(outputs.std(axis=-1), np.ones((T, B)), 1e-6)
    assert_close(layer.apply(params, None, 5 * inputs - 3)[1], outputs, 1e-6)


def test_bfloat16_is_normalized_in_float32():
    """A mean far from zero: squares rounded to eight bits would leave nothing."""
    inputs = 64 + np.arange(D) / 2 * np.ones((T, B, 1))
    layer = layer_norm(dtype=jnp.bfloat16)
    got = layer.apply(layer.init(jax.random.key(0), D), None, jnp.bfloat16(inputs))[1]
    assert got.dtype == jnp.bfloat16
    want = (inputs - inputs.mean(-1, keepdims=True)) / inputs.std(-1, keepdims=True)
    assert_close(got, want, 0.01)


def test_epsilon_is_positive():
    with pytest.raises(ValueError, match="epsilon must be positive, got 0"):
        layer_norm(epsilon=0)

"""`layer_norm` against its equation, and what it does not see."""

import jax.numpy as jnp
import numpy as np

from rnnjax.layers.layer_norm import layer_norm
from tests.cells import paper
from tests.cells.paper import B, H, T, draw, initial
from tests.layers.programs import apply
from tests.pytrees import assert_close
from tests.refusals import refuses


def test_equals_equation(x64):
    params, inputs = draw(layer_norm(), input_size=H)
    inputs = 3 + 2 * inputs
    want = paper.layer_norm(inputs, params["scale"]) + params["bias"]
    assert_close(apply(layer_norm(), params, None, inputs)[1], want, 1e-13)


def test_first_parameters_normalize_and_see_no_scale(x64):
    layer = layer_norm(use_bias=False, epsilon=1e-12, dtype=jnp.float64)
    params = initial(layer, H)
    assert set(params) == {"scale"}
    inputs = np.random.default_rng(0).normal(size=(T, B, H))
    outputs = apply(layer, params, None, inputs)[1]
    assert_close(outputs, paper.layer_norm(inputs, 1.0, 1e-12), 1e-12)
    assert_close(apply(layer, params, None, 5 * inputs - 3)[1], outputs, 1e-6)


def test_bfloat16_is_normalized_in_float32():
    """A mean far from zero: squares rounded to eight bits would leave nothing."""
    inputs = 64 + np.arange(H) / 2 * np.ones((T, B, 1))
    layer = layer_norm(dtype=jnp.bfloat16)
    got = apply(layer, initial(layer, H), None, jnp.bfloat16(inputs))[1]
    assert got.dtype == jnp.bfloat16
    assert_close(got, paper.layer_norm(inputs, 1.0, 0.0), 0.01)


test_epsilon_is_positive = refuses(
    (lambda: layer_norm(epsilon=0), "epsilon must be positive, got 0")
)

"""Initializers against the statistics they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import per_gate, symmetric_uniform
from rnnjax.initializers import chrono

orthogonal = jax.nn.initializers.orthogonal()


def test_each_gate_is_drawn_by_itself():
    matrix = np.asarray(per_gate(orthogonal, 3)(jax.random.key(0), (10, 30)))
    gates = np.split(matrix, 3, axis=1)
    for gate in gates:
        singular = np.linalg.svd(gate, compute_uv=False)
        np.testing.assert_allclose(singular, 1, atol=1e-5)
    assert not np.allclose(gates[0], gates[1], atol=0.1)


def test_one_block_over_all_gates_would_be_smaller():
    """What per_gate is for: mean squared singular values of 1/4."""
    matrix = np.asarray(orthogonal(jax.random.key(0), (10, 40)))
    for gate in np.split(matrix, 4, axis=1):
        assert np.linalg.svd(gate, compute_uv=False).max() < 0.9


def test_few_bits_are_rounded_from_many():
    wide = per_gate(orthogonal, 2)(jax.random.key(0), (6, 12))
    rounded = per_gate(orthogonal, 2)(jax.random.key(0), (6, 12), jnp.bfloat16)
    assert rounded.dtype == jnp.bfloat16
    np.testing.assert_array_equal(rounded, wide.astype(jnp.bfloat16))


def test_symmetric_uniform_fills_its_interval():
    init = symmetric_uniform(0.1)
    values = np.asarray(init(jax.random.key(0), (200, 50)))
    assert values.dtype == np.float32
    assert -0.1 <= values.min() < -0.099 and 0.099 < values.max() <= 0.1
    assert abs(values.mean()) < 5 * 0.1 / np.sqrt(3 * values.size)
    np.testing.assert_allclose(values.var(), 0.1**2 / 3, rtol=0.03)
    assert init(jax.random.key(0), (3,), jnp.bfloat16).dtype == jnp.bfloat16


@pytest.mark.parametrize("bound", [0.0, -1.0, float("inf"), float("nan")])
def test_bounds_that_are_not_positive_are_refused(bound):
    with pytest.raises(
        ValueError, match=f"bound must be positive and finite, got {bound}"
    ):
        symmetric_uniform(bound)


def test_chrono_forgets_at_every_time_scale():
    values = np.asarray(chrono(50)(jax.random.key(0), (200, 50)))
    scales = np.exp(values)
    assert values.dtype == np.float32
    assert 1 <= scales.min() < 1.05 and 48.9 < scales.max() <= 49.001
    np.testing.assert_allclose(scales.mean(), 25, rtol=0.02)
    assert chrono(50)(jax.random.key(0), (3,), jnp.bfloat16).dtype == jnp.bfloat16


@pytest.mark.parametrize("num_steps", [2, 0, -5, float("nan")])
def test_too_few_steps_for_chrono_are_refused(num_steps):
    with pytest.raises(
        ValueError, match=f"num_steps must be more than 2, got {num_steps}"
    ):
        chrono(num_steps)

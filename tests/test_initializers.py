"""Initializers against the statistics they promise."""

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax import lstm
from rnnjax.initializers import (
    chrono,
    chrono_lstm,
    identity,
    per_gate,
    smart_tanh,
    sparse,
    spectral_radius,
    symmetric_uniform,
)
from tests.refusals import refuses

orthogonal = jax.nn.initializers.orthogonal()


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


def test_chrono_forgets_at_every_time_scale():
    values = np.asarray(chrono(50)(jax.random.key(0), (200, 50)))
    scales = np.exp(values)
    assert values.dtype == np.float32
    assert 1 <= scales.min() < 1.05 and 48.9 < scales.max() <= 49.001
    np.testing.assert_allclose(scales.mean(), 25, rtol=0.02)
    assert chrono(50)(jax.random.key(0), (3,), jnp.bfloat16).dtype == jnp.bfloat16


def test_chrono_of_an_lstm_takes_in_what_it_loses():
    cell = lstm(40, bias_init=chrono_lstm(50), forget_bias=0.0)
    i, f, g, o = np.split(cell.init(jax.random.key(0), 2)["bias"], 4)
    np.testing.assert_array_equal(i, -f)
    assert 0 <= f.min() < 2 and 3 < f.max() <= np.log(49.001)
    assert not g.any() and not o.any()


def test_the_largest_eigenvalue_is_as_asked():
    """Of several matrices at once, with pairs of complex eigenvalues among them."""
    init = spectral_radius(jax.nn.initializers.normal(), 1.7)
    draw = jax.jit(jax.vmap(lambda key: init(key, (12, 12))))
    for matrix in np.asarray(draw(jax.random.split(jax.random.key(0), 8))):
        np.testing.assert_allclose(radius_of(matrix), 1.7, rtol=1e-4)


def test_a_matrix_far_from_normal_is_scaled_right(x64):
    rng = np.random.default_rng(0)
    matrix = np.triu(30 * rng.normal(size=(9, 9)), 1) + np.diag(rng.uniform(-2, 2, 9))
    init = spectral_radius(lambda key, shape, dtype: jnp.asarray(matrix), 0.9)
    got = init(jax.random.key(0), (9, 9), jnp.float64)
    np.testing.assert_allclose(got, matrix * 0.9 / abs(matrix.diagonal()).max(), 1e-4)


def radius_of(matrix):
    return np.abs(np.linalg.eigvals(matrix.astype(np.float64))).max()


def test_sparse_keeps_so_many_of_each_row():
    init = sparse(jax.nn.initializers.normal(1.0), 3)
    matrix = np.asarray(init(jax.random.key(0), (400, 10)))
    np.testing.assert_array_equal((matrix != 0).sum(axis=1), 3)
    columns = (matrix != 0).sum(axis=0)  # 120 each, give or take 9
    assert 80 < columns.min() and columns.max() < 160
    np.testing.assert_allclose(matrix[matrix != 0].std(), 1, rtol=0.1)


def test_smart_tanh_is_sparse_and_of_its_radius_and_identity_is_scaled():
    matrix = identity(0.5)(jax.random.key(0), (3, 3), jnp.float32)
    np.testing.assert_array_equal(matrix, 0.5 * np.eye(3))
    matrix = smart_tanh(4, 0.8)(jax.random.key(0), (20, 20), jnp.bfloat16)
    assert matrix.dtype == jnp.bfloat16
    np.testing.assert_array_equal((np.asarray(matrix) != 0).sum(axis=1), 4)
    np.testing.assert_allclose(radius_of(np.asarray(matrix)), 0.8, rtol=0.02)


POSITIVE = "must be positive and finite, got"
normal, KEY = jax.nn.initializers.normal(), jax.random.key(0)
test_bad_bounds_radii_and_counts_are_refused = refuses(
    *(
        case
        for x in (0.0, -1.0, float("inf"), float("nan"))
        for case in (
            (symmetric_uniform, x, f"bound {POSITIVE} {x}"),
            (spectral_radius, normal, x, f"radius {POSITIVE} {x}"),
        )
    ),
    *(
        (make, x, f"num_steps must be more than 2, got {x}")
        for make in (chrono, chrono_lstm)
        for x in (2, 0, -5, float("nan"))
    ),
    (
        spectral_radius(normal, 1.0),
        KEY,
        (3, 4),
        "shape must be of a square matrix, got",
    ),
    (sparse, normal, 0, "num_nonzero must be a positive whole number"),
    (sparse(normal, 5), KEY, (9, 4), "at most a row's 4 entries, got 5."),
)

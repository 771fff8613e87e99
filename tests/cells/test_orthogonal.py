"""Orthogonal networks against their papers, before and after training."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rnnjax.cells.orthogonal import modrelu, orthogonal_rnn
from rnnjax.cells.parts.parametrizations import exponential_map, householder_product
from rnnjax.unroll import unroll
from tests.cells.paper import IN_NUMPY, B, D, H, T, equals_paper
from tests.cells.parts.orthogonal_matrices import PARAMETRIZATIONS, by_name, distance
from tests.loop import in_numpy

IN_PAPER = dict(PARAMETRIZATIONS.values())


@equals_paper(
    orthogonal_rnn,
    *({"parametrization": parametrization} for parametrization in IN_PAPER),
    {"parametrization": exponential_map(), "activation": "tanh"},
)
def test_equals_paper(params, h, x, parametrization, activation=None):
    """h = modReLU(U x + W h), where b is modReLU's own, or f(U x + W h + b)."""
    W = IN_PAPER[parametrization](params["recurrent_weights"], H)
    z, b = x @ params["kernel"] + h @ W.T, params["bias"]
    if activation is None:
        return np.sign(z) * np.maximum(np.abs(z) + b, 0)
    return IN_NUMPY[activation](z + b)


def train(parametrization, size, num_updates, optimizer):
    """Trains in float32 on random targets; returns the distance after each update."""
    rng = np.random.default_rng(2)
    cell = orthogonal_rnn(size, parametrization=parametrization)
    inputs = rng.normal(size=(T, B, D)).astype(np.float32)
    targets = rng.normal(size=(T, B, size)).astype(np.float32)

    def loss(params):
        return ((unroll(cell, params, inputs)[1] - targets) ** 2).mean()

    def update(state, _):
        params, slots = state
        updates, slots = optimizer.update(jax.grad(loss)(params), slots)
        params = optax.apply_updates(params, updates)
        W = cell.prepare(params)["recurrent_kernel"]
        return (params, slots), (W, params["recurrent_weights"])

    @in_numpy
    def run(key):
        params = cell.init(key, D)
        start = params, optimizer.init(params)
        return jax.lax.scan(update, start, None, length=num_updates)[1]

    matrices, weights = run(jax.random.key(0))
    assert np.isfinite(matrices).all()
    moved = np.abs(weights[-1] - weights[0]).max()
    return max(distance(W) for W in matrices), moved


@pytest.mark.parametrize("descent", [False, pytest.param(True, marks=pytest.mark.slow)])
@by_name
def test_stays_orthogonal_in_training(name, descent):
    """A thousand updates by Adam of 0.3, or by plain descent of 30, in float32."""
    parametrization, _ = PARAMETRIZATIONS[name]
    if name == "all_reflections":
        parametrization = householder_product(24)
    optimizer = optax.sgd(30.0) if descent else optax.adam(0.3, b2=0.99)
    furthest, moved = train(parametrization, 24, 1000, optimizer)
    assert furthest < 1e-5
    assert moved > 1


def test_modrelu_moves_away_from_zero_or_stops_there():
    x = jnp.array([-2.0, -0.5, 0.0, 0.5, 2.0])
    np.testing.assert_array_equal(modrelu(x, -1.0), [-1, 0, 0, 0, 1])
    np.testing.assert_array_equal(modrelu(x, 1.0), [-3, -1.5, 0, 1.5, 3])
    slope = jax.vmap(jax.grad(modrelu), (0, None))
    np.testing.assert_array_equal(slope(x, 0.0), np.ones(5))
    np.testing.assert_array_equal(slope(x, -1.0), [1, 0, 0, 0, 1])

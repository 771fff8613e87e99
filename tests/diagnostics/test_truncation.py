"""Truncation bias in cases that are known, and fixed points of small networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, lstm, recurrent
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.diagnostics.fixed_points import fixed_points
from rnnjax.diagnostics.truncation import truncation_bias
from rnnjax.unroll import unroll
from tests.cells.paper import draw_params
from tests.pytrees import draw_like
from tests.refusals import refuses

T, B, D, H = 6, 3, 2, 5


@pytest.mark.parametrize("make", [elman, lstm])
def test_angle_and_length_are_those_of_a_loop_over_chunks(x64, make):
    """The loss has targets for each step. A single chunk loses nothing."""
    layer, rng = recurrent(make(H)), np.random.default_rng(2)
    params = draw_params(rng, make(H), D, scale=0.6)
    inputs = rng.normal(size=(T, B, D))
    targets = jnp.asarray(rng.normal(size=(T, B, H)))

    def loss(outputs, start):
        own = jax.lax.dynamic_slice_in_dim(targets, start, outputs.shape[0])
        return ((outputs - own) ** 2).sum()

    def truncated(params):
        carry, total = None, 0.0
        for start in range(0, T, 2):
            carry, outputs = layer.apply(params, carry, inputs[start : start + 2])
            carry = jax.lax.stop_gradient(carry)
            total += ((outputs - targets[start : start + 2]) ** 2).sum()
        return total

    @jax.jit
    def run(params):
        found = [truncation_bias(layer, params, inputs, loss, n) for n in (T, 2)]
        whole = jax.grad(lambda p: loss(layer.apply(p, None, inputs)[1], 0))(params)
        return found, whole, jax.grad(truncated)(params)

    (of_one, of_three), *grads = run(params)
    np.testing.assert_allclose(of_one, (0, 1), atol=1e-7)
    full, cut = (np.concatenate([*map(np.ravel, jax.tree.leaves(x))]) for x in grads)
    length = np.linalg.norm(cut) / np.linalg.norm(full)
    np.testing.assert_allclose(of_three.length, length, rtol=1e-10)
    cosine = full @ cut / np.linalg.norm(full) / np.linalg.norm(cut)
    np.testing.assert_allclose(of_three.angle, np.degrees(np.arccos(cosine)), rtol=1e-6)
    assert of_three.angle > 1


OTHERS = truncation_bias, None, None, np.zeros((T, D)), jnp.sum
test_chunks_must_divide = refuses(
    *((*OTHERS, x, f"must divide the 6 steps, got {x}.") for x in (0, 4, 7))
)


def test_fixed_points_of_one_unit(x64):
    """h = tanh(2 h): 0, which repels, and ±0.9575, which attract."""
    cell = elman(1, use_bias=False)
    params = {"kernel": np.zeros((D, 1)), "recurrent_kernel": np.array([[2.0]])}
    starts = np.array([[-0.8], [0.05], [0.7]])
    got = fixed_points(cell, params, np.zeros(D), starts)
    root = 0.9575040240772687  # of h = tanh(2 h), by bisection
    np.testing.assert_allclose(got.points[:, 0], [-root, 0, root], atol=1e-8)
    assert got.speeds.max() < 1e-16
    slopes = 2 * (1 - np.array([root, 0, root]) ** 2)
    np.testing.assert_allclose(got.eigenvalues[:, 0].real, slopes, atol=1e-7)


def test_fixed_points_stand_still(x64):
    rng = np.random.default_rng(3)
    cell = lstm(H)
    params = draw_params(rng, cell, D, scale=1.2)
    inputs = rng.normal(size=D)
    starts = draw_like(rng, cell.initial_carry(params, (8,)), scale=1.0)
    got = fixed_points(cell, params, inputs, starts)
    still = got.points[np.asarray(got.speeds) < 1e-20]
    assert len(still) >= 1
    start = LSTMCarry(*np.split(still, 2, axis=1))
    inputs = np.broadcast_to(inputs, (3, len(still), D))
    carry, _ = unroll(cell, params, inputs, carry=start)
    np.testing.assert_allclose(carry.h, start.h, atol=1e-8)

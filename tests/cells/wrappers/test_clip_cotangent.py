"""Clipping inside the backward loop, against a loop unrolled by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import hoisted, lstm, remat, scan, unroll
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.wrappers.clip_cotangent import clip_cotangent
from tests import user_cells
from tests.cells.paper import B, D, H, T, draw, initial
from tests.loop import in_numpy
from tests.pytrees import assert_close

MAX_NORM, MAX_VALUE = 0.8, 0.3


def by_norm(h, c):
    norm = np.sqrt((h**2).sum(-1) + (c**2).sum(-1))[:, None]
    scale = np.minimum(1, MAX_NORM / norm)
    return h * scale, c * scale


def by_value(h, c):
    return np.clip(h, -MAX_VALUE, MAX_VALUE), np.clip(c, -MAX_VALUE, MAX_VALUE)


@in_numpy
def step_and_pull(params, carry, x, cotangents):
    """Steps an LSTM, and goes back from what its results weigh."""
    (carry, _), pull = jax.vjp(lstm(H).step, params, carry, x)
    return carry, pull(cotangents)


def unrolled_by_hand(params, carry, inputs, weights, clip):
    """Goes back step by step, clipping between the steps in NumPy."""
    carries = [carry]
    for x, weight in zip(inputs, weights):
        carries.append(step_and_pull(params, carries[-1], x, (carry, weight))[0])
    cotangent, total = jax.tree.map(np.zeros_like, (carry, params))
    grads, clipped = [], []
    for t in reversed(range(T)):
        _, (of_params, passed, of_inputs) = step_and_pull(
            params, carries[t], inputs[t], (cotangent, weights[t])
        )
        cotangent = LSTMCarry(*clip(*passed))
        clipped.append(np.abs(cotangent.c - passed.c) > 1e-9)
        total = jax.tree.map(np.add, total, of_params)
        grads.append(of_inputs)
    assert 0 < np.mean(clipped) < 1
    return total, cotangent, np.stack(grads[::-1])


@pytest.mark.parametrize(
    ("clip", "options"),
    [(by_norm, {"max_norm": MAX_NORM}), (by_value, {"max_value": MAX_VALUE})],
)
def test_every_engine_clips_as_the_hand_does(x64, clip, options):
    params, inputs = draw(lstm(H), scale=1.0)
    rng = np.random.default_rng(1)
    carry = LSTMCarry(*0.4 * rng.normal(size=(2, B, H)))
    weights = 0.2 * rng.normal(size=(T, B, H))
    weights[-1] *= 10
    want = unrolled_by_hand(params, carry, inputs, weights, clip)
    clipped = clip_cotangent(lstm(H), **options)

    def loss(params, carry, inputs, engine):
        _, outputs = unroll(clipped, params, inputs, carry=carry, engine=engine)
        return (weights * outputs).sum()

    of_all = jax.jit(jax.grad(loss, argnums=(0, 1, 2)), static_argnums=3)
    for engine in (scan, hoisted, remat(chunk_length=3)):
        assert_close(of_all(params, carry, inputs, engine), want, 1e-11)


def test_a_masked_step_passes_back_all():
    """No step was taken, so none is clipped."""
    cell = clip_cotangent(lstm(H), max_norm=MAX_NORM)
    params = initial(cell)
    inputs, mask = jnp.ones((T, B, D)), jnp.zeros((T, B), bool)

    def last(carry):
        return unroll(cell, params, inputs, carry=carry, mask=mask)[0].c.sum()

    got = jax.jit(jax.grad(last))(cell.initial_carry(params, (B,))).c
    np.testing.assert_array_equal(got, np.ones((B, H)))


def test_counters_and_large_gradients_pass():
    cell = user_cells.counting(H)
    params = initial(cell)
    inputs = {"features": jnp.ones((B, D)), "gain": jnp.ones(B)}

    def loss(h, cell):
        carry = {**cell.initial_carry(params, (B,)), "h": h}
        return 1e25 * cell.step(params, carry, inputs)[0]["h"].sum()

    of_h = jax.jit(jax.grad(loss), static_argnums=1)
    clipped = clip_cotangent(cell, max_norm=2.0)
    got, want = (np.asarray(of_h(jnp.ones((B, H)), own)) for own in (clipped, cell))
    direction = want / np.abs(want).max()
    direction = 2 * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
    np.testing.assert_allclose(got, direction, rtol=1e-5)


@pytest.mark.parametrize("name", ["max_norm", "max_value"])
@pytest.mark.parametrize("threshold", [0.0, -1.0, float("nan"), float("inf")])
def test_thresholds_that_are_not_positive_are_refused(name, threshold):
    message = f"{name} must be positive and finite, got {threshold}."
    with pytest.raises(ValueError, match=message):
        clip_cotangent(lstm(H), **{name: threshold})


@pytest.mark.parametrize("options", [{}, {"max_norm": 1.0, "max_value": 1.0}])
def test_one_threshold_is_asked_for(options):
    with pytest.raises(ValueError, match="max_norm must be given where max_value is"):
        clip_cotangent(lstm(H), **options)

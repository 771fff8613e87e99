"""Penalties against loops in NumPy, closed forms and differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, lstm, scan, unroll
from rnnjax.diagnostics import step_jacobians
from rnnjax.regularizers import (
    GradientTrace,
    gradient_trace,
    penalized_gradients,
    vanishing_gradient_penalty,
    vanishing_gradient_penalty_immediate,
)
from tests.pytrees import assert_close

T, B, D, H = 7, 3, 2, 5


def draw(cell, seed=0):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda key: cell.init(key, D), jax.random.key(0))
    params = jax.tree.map(lambda x: 0.6 * rng.normal(size=x.shape), shapes)
    return params, rng.normal(size=(T, B, D)), rng.normal(size=(T, B, H))


def loss_of(weights):
    return lambda outputs: (weights * outputs**2).sum()


def released(params, inputs, weights):
    """The released penalty for tanh and its immediate derivative by W, in loops."""
    kernel = params["recurrent_kernel"]
    h = [np.zeros((B, H))]
    for x in inputs:
        h.append(np.tanh(x @ params["kernel"] + h[-1] @ kernel + params["bias"]))
    delta = [2 * weight * out for weight, out in zip(weights, h[1:])]
    for t in range(T - 2, -1, -1):
        delta[t] += (delta[t + 1] * (1 - h[t + 2] ** 2)) @ kernel.T
    total, count, grad = 0.0, 0, np.zeros((H, H))
    for t in range(T):
        for b in range(B):
            came = delta[t][b] @ delta[t][b]
            if came < 1e-20:
                continue
            before = delta[t][b] * (1 - h[t + 1][b] ** 2)
            passed = kernel @ before
            ratio = passed @ passed / came
            total += (ratio - 1) ** 2
            grad += 2 * (ratio - 1) * 2 * np.outer(passed, before) / came
            count += 1
    return total / count, grad / count, h, delta


@pytest.fixture
def elman_case(x64):
    """All sequences but one end before the last steps, where nothing comes back."""
    params, inputs, weights = draw(elman(H))
    weights[4:, 1:] = 0
    return params, inputs, weights


def test_the_trace_is_what_came_back(elman_case):
    params, inputs, weights = elman_case
    _, _, h, delta = released(*elman_case)
    trace = gradient_trace(elman(H), params, inputs, loss_of(weights))
    assert_close(trace.carries, np.stack(h[:-1]), 1e-12)
    assert_close(trace.cotangents, [np.stack(delta)], 1e-12)


def test_the_immediate_derivative_is_the_released_one(elman_case):
    params, inputs, weights = elman_case
    want, want_grad, _, delta = released(*elman_case)
    assert (np.stack(delta)[5:, 1:] == 0).all()  # the count of steps matters

    def penalty(params):
        trace = gradient_trace(elman(H), params, inputs, loss_of(weights))
        return vanishing_gradient_penalty_immediate(elman(H), params, trace)

    got, grads = jax.jit(jax.value_and_grad(penalty))(params)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert_close(grads.pop("recurrent_kernel"), want_grad, 1e-12)
    for name, grad in grads.items():
        assert not np.any(grad), name


def test_one_backward_pass_gives_all(elman_case):
    params, inputs, weights = elman_case
    want, want_grad, _, _ = released(*elman_case)
    rest = {"scale": np.float64(1.3)}

    def loss(rest, outputs):
        return loss_of(weights)(outputs) * rest["scale"] / 1.3

    def unpenalized(params, rest):
        return loss(rest, unroll(elman(H), params, inputs, engine=scan)[1])

    got = jax.jit(
        lambda weight: penalized_gradients(
            loss, elman(H), params, rest, inputs, weight=weight
        )
    )(0.7)
    value, (grads, rest_grads) = jax.value_and_grad(unpenalized, (0, 1))(params, rest)
    grads["recurrent_kernel"] += 0.7 * want_grad
    np.testing.assert_allclose(got.loss, value, rtol=1e-12)
    np.testing.assert_allclose(got.penalty, want, rtol=1e-12)
    assert_close(got.grads, grads, 1e-12)
    assert_close(got.rest_grads, rest_grads, 1e-12)


def test_the_penalty_as_written_is_the_equation(x64):
    """With the Jacobians of whole steps, of a carry of two leaves."""
    cell = lstm(H)
    params, inputs, weights = draw(cell)
    weights[4:, 1:] = 0
    trace = gradient_trace(cell, params, inputs, loss_of(weights))
    came = np.concatenate(trace.cotangents, axis=-1)
    passed = np.einsum("tbi,tbij->tbj", came, step_jacobians(cell, params, inputs))
    came, passed = (np.linalg.norm(x, axis=-1) for x in (came, passed))
    nothing = came == 0
    assert nothing.any() and not nothing.all()
    ratio = np.where(nothing, 1, passed / np.where(nothing, 1, came))
    got = vanishing_gradient_penalty(cell, params, trace)
    np.testing.assert_allclose(got, ((ratio - 1) ** 2).sum() / B, rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [elman, pytest.param(lstm, marks=pytest.mark.slow)],
    ids=lambda make: make.__name__,
)
def test_the_gradient_as_written_equals_differences(make, x64):
    """Through the carries and through what was backpropagated."""
    cell = make(H)
    params, inputs, weights = draw(cell)
    direction, _, _ = draw(cell, seed=1)

    def penalty(distance):
        moved = jax.tree.map(lambda x, dx: x + distance * dx, params, direction)
        trace = gradient_trace(cell, moved, inputs, loss_of(weights))
        return vanishing_gradient_penalty(cell, moved, trace)

    penalty = jax.jit(jax.value_and_grad(penalty))
    want = (penalty(1e-6)[0] - penalty(-1e-6)[0]) / 2e-6
    np.testing.assert_allclose(penalty(0.0)[1], want, rtol=1e-7)


def test_an_orthogonal_linear_network_has_none(x64):
    cell = elman(H, activation=lambda pre: pre)
    params, inputs, _ = draw(cell)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(H, H)))[0]
    params["recurrent_kernel"] = rotation
    target = np.random.default_rng(2).normal(size=H)

    def last(outputs):
        return ((outputs[-1] - target) ** 2).sum()

    trace = gradient_trace(cell, params, inputs, last)
    for penalty in (vanishing_gradient_penalty, vanishing_gradient_penalty_immediate):
        of_params = jax.jit(jax.value_and_grad(functools.partial(penalty, cell)))
        value, grads = of_params(params, trace)
        assert abs(value) < 1e-20
        np.testing.assert_allclose(grads["recurrent_kernel"], 0, atol=1e-10)


def test_padding_is_not_there(x64):
    """NaN before, inside and after a sequence, against the sequence alone."""
    cell = elman(H)
    params, inputs, weights = draw(cell)
    real = np.array([False, True, True, False, True, True, False])
    mask = np.repeat(real[:, None], B, axis=1)
    filled = np.where(mask[..., None], inputs, np.nan)

    @jax.jit
    def run(inputs, weights, mask):
        def loss(rest, outputs):
            return loss_of(weights)(outputs)

        return penalized_gradients(
            loss, cell, params, (), inputs, weight=0.5, mask=mask
        )

    got = run(filled, weights, mask)
    want = run(inputs[real], weights[real], None)
    assert_close(got, want, 1e-12)


def test_nothing_that_comes_back_is_no_penalty():
    cell = elman(H)
    params = cell.init(jax.random.key(0), D)
    start = cell.initial_carry(params, (T, B))
    trace = GradientTrace(jnp.ones((T, B, D)), start, [jnp.zeros((T, B, H))])

    @jax.jit
    @jax.value_and_grad
    def both(params):
        return vanishing_gradient_penalty(
            cell, params, trace
        ) + vanishing_gradient_penalty_immediate(cell, params, trace)

    value, grads = both(params)
    assert value == 0
    assert all((x == 0).all() for x in jax.tree.leaves(grads))


def test_seeds_side_by_side(elman_case):
    _, inputs, weights = elman_case
    several = [draw(elman(H), seed)[0] for seed in range(2)]

    def penalty(params):
        trace = gradient_trace(elman(H), params, inputs, loss_of(weights))
        return vanishing_gradient_penalty_immediate(elman(H), params, trace)

    stacked = jax.tree.map(lambda *x: np.stack(x), *several)
    got = jax.jit(jax.vmap(penalty))(stacked)
    want = [released(params, inputs, weights)[0] for params in several]
    assert_close(got, np.stack(want), 1e-12)


def test_a_cell_without_factors_is_refused():
    cell = elman(H)._replace(factors=None)
    params = cell.init(jax.random.key(0), D)
    with pytest.raises(
        ValueError, match="cell must have factors, got one that is only"
    ):
        gradient_trace(cell, params, jnp.ones((T, D)), lambda o: o.sum())

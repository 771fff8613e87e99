"""Penalties against loops in NumPy, closed forms and differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, lstm, scan, unroll
from rnnjax.diagnostics import step_jacobians
from rnnjax.regularizers import (
    gradient_trace,
    penalized_gradients,
    vanishing_gradient_penalty,
    vanishing_gradient_penalty_immediate,
)
from tests.cells.paper import B, D, H, T, draw, pre_activation
from tests.pytrees import assert_close
from tests.refusals import refuses

# of the outputs; all sequences but one end early, where nothing comes back
WEIGHTS = np.random.default_rng(5).normal(size=(T, B, H))
WEIGHTS[4:, 1:] = 0


def loss(outputs):
    return (WEIGHTS * outputs**2).sum()


def released(params, inputs):
    """Computes the released penalty for tanh and its immediate derivative by W."""
    kernel = params["recurrent_kernel"]
    h = [np.zeros((B, H))]
    for x in inputs:
        h.append(np.tanh(pre_activation(params, x, h[-1])))
    delta = [2 * weight * out for weight, out in zip(WEIGHTS, h[1:])]
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


def immediate_penalty(params, inputs):
    trace = gradient_trace(elman(H), params, inputs, loss)
    return vanishing_gradient_penalty_immediate(elman(H), params, trace)


def test_trace_penalty_and_immediate_derivative_are_the_released_ones(x64):
    params, inputs = draw(elman(H))
    want, want_grad, h, delta = released(params, inputs)
    assert (np.stack(delta)[5:, 1:] == 0).all()  # the count of steps matters

    @jax.jit
    def run(params):
        trace = gradient_trace(elman(H), params, inputs, loss)
        return trace, *jax.value_and_grad(immediate_penalty)(params, inputs)

    trace, got, grads = run(params)
    assert_close(trace.carries, np.stack(h[:-1]), 1e-12)
    assert_close(trace.cotangents, [np.stack(delta)], 1e-12)
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert_close(grads.pop("recurrent_kernel"), want_grad, 1e-12)
    assert not any(np.any(grad) for grad in grads.values())


def test_one_backward_pass_gives_all(x64):
    params, inputs = draw(elman(H))
    want, want_grad, _, _ = released(params, inputs)
    rest = {"scale": np.float64(1.3)}

    def scaled_loss(rest, outputs):
        return loss(outputs) * rest["scale"] / 1.3

    def unpenalized(params, rest):
        return scaled_loss(rest, unroll(elman(H), params, inputs, engine=scan)[1])

    @jax.jit
    def run(weight):
        arguments = scaled_loss, elman(H), params, rest, inputs
        return penalized_gradients(*arguments, weight=weight)

    got = run(0.7)
    value, (grads, rest_grads) = jax.value_and_grad(unpenalized, (0, 1))(params, rest)
    grads["recurrent_kernel"] += 0.7 * want_grad
    np.testing.assert_allclose(got.loss, value, rtol=1e-12)
    np.testing.assert_allclose(got.penalty, want, rtol=1e-12)
    assert_close(got.grads, grads, 1e-12)
    assert_close(got.rest_grads, rest_grads, 1e-12)


def test_the_penalty_as_written_is_the_equation(x64):
    """With the Jacobians of whole steps, of a carry of two leaves."""
    cell = lstm(H)
    params, inputs = draw(cell)
    trace = gradient_trace(cell, params, inputs, loss)
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
    params, inputs = draw(cell)
    direction, _ = draw(cell, seed=1)

    def penalty(distance):
        moved = jax.tree.map(lambda x, dx: x + distance * dx, params, direction)
        trace = gradient_trace(cell, moved, inputs, loss)
        return vanishing_gradient_penalty(cell, moved, trace)

    penalty = jax.jit(jax.value_and_grad(penalty))
    want = (penalty(1e-6)[0] - penalty(-1e-6)[0]) / 2e-6
    np.testing.assert_allclose(penalty(0.0)[1], want, rtol=1e-7)


PENALTIES = vanishing_gradient_penalty, vanishing_gradient_penalty_immediate


@pytest.mark.parametrize("penalty", PENALTIES)
def test_an_orthogonal_linear_network_has_none_nor_has_what_does_not_come_back(
    x64, penalty
):
    cell = elman(H, activation=lambda pre: pre)
    params, inputs = draw(cell)
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(H, H)))[0]
    params["recurrent_kernel"] = rotation
    target = np.random.default_rng(2).normal(size=H)

    def last(outputs):
        return ((outputs[-1] - target) ** 2).sum()

    trace = gradient_trace(cell, params, inputs, last)
    of_params = jax.jit(jax.value_and_grad(functools.partial(penalty, cell)))
    value, grads = of_params(params, trace)
    assert abs(value) < 1e-20
    np.testing.assert_allclose(grads["recurrent_kernel"], 0, atol=1e-10)
    nothing = trace._replace(cotangents=jax.tree.map(jnp.zeros_like, trace.cotangents))
    assert not any(np.any(x) for x in jax.tree.leaves(of_params(params, nothing)))


def test_padding_is_not_there(x64):
    """NaN before, inside and after a sequence, against the sequence alone."""
    cell = elman(H)
    params, inputs = draw(cell)
    real = np.array([False, True, True, False, True, True, False])
    mask = np.repeat(real[:, None], B, axis=1)
    filled = np.where(mask[..., None], inputs, np.nan)

    @jax.jit
    def run(inputs, weights, mask):
        def loss(rest, outputs):
            return (weights * outputs**2).sum()

        arguments = loss, cell, params, (), inputs
        return penalized_gradients(*arguments, weight=0.5, mask=mask)

    weights = np.random.default_rng(6).normal(size=(T, B, H))
    got = run(filled, weights, mask)
    want = run(inputs[real], weights[real], None)
    assert_close(got, want, 1e-12)


def test_seeds_side_by_side(x64):
    several = [draw(elman(H), seed) for seed in range(2)]
    stacked = jax.tree.map(lambda *x: np.stack(x), *several)
    got = jax.jit(jax.vmap(immediate_penalty))(*stacked)
    want = [released(params, inputs)[0] for params, inputs in several]
    assert_close(got, np.stack(want), 1e-12)


BARE, ONES = elman(H)._replace(factors=None), jnp.ones((T, D))
test_a_cell_without_factors_is_refused = refuses(
    (gradient_trace, BARE, {}, ONES, jnp.sum, "cell must have factors, got one that is")
)

"""Gradients by lag, against closed forms and against `jax.grad`."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnnjax import elman, gru, hoisted, lstm
from rnnjax.diagnostics import gradients, jacobians
from rnnjax.unroll import unroll
from tests import user_cells
from tests.cases import draw_tree
from tests.cells.paper import B, D, H, T, draw
from tests.pytrees import assert_close, steps

WEIGHTS = np.random.default_rng(5).normal(size=(T, B, H))  # of the outputs


def test_jacobians_of_elman_are_the_lectures(x64):
    """They are diag(f') W, where W is the transposed kernel."""
    params, inputs = draw(elman(H))
    _, outputs = unroll(elman(H), params, inputs)
    got = jacobians.step_jacobians(elman(H), params, inputs)
    slopes = 1 - np.asarray(outputs) ** 2
    assert_close(got, slopes[..., None] * params["recurrent_kernel"].T, 1e-12)


def test_jacobians_of_an_lstm_are_differences(x64):
    cell = lstm(H)
    params, inputs = draw(cell)
    got = jacobians.step_jacobians(cell, params, inputs)
    assert got.shape == (T, B, 2 * H, 2 * H)
    step, direction = jax.jit(cell.step), np.random.default_rng(1).normal(size=2 * H)
    carry = jax.tree.map(lambda x: x[0, 1], cell.initial_carry(params, (1, B)))
    moved = type(carry)(*np.split(1e-6 * direction, 2))
    for t in range(T):
        starts = (jax.tree.map(move, carry, moved) for move in (np.add, np.subtract))
        ahead, behind = (
            np.concatenate(step(params, x, inputs[t, 1])[0]) for x in starts
        )
        want = (ahead - behind) / 2e-6
        np.testing.assert_allclose(got[t, 1] @ direction, want, rtol=1e-7, atol=1e-8)
        carry, _ = step(params, carry, inputs[t, 1])


def test_norms_of_products(x64):
    rng = np.random.default_rng(2)
    matrices = rng.normal(size=(4, B, H, H))
    norms = np.linalg.norm(matrices, 2, axis=(-2, -1))
    assert_close(jacobians.spectral_norms(matrices), norms, 1e-12)
    got = jacobians.product_norms(matrices)
    product = np.eye(H)
    for k, matrix in enumerate(matrices[::-1, 1]):
        product = product @ matrix
        np.testing.assert_allclose(got[k, 1], np.linalg.norm(product, 2))
    smallest = np.linalg.norm(matrices, -2, axis=(-2, -1))
    assert_close(jacobians.condition_numbers(matrices), norms / smallest, 1e-9)


@pytest.mark.parametrize("cell", [lstm(H), gru(H, reset_after=False)])
def test_sum_over_lags_is_the_gradient(x64, cell):
    params, inputs = draw(cell)

    def loss(outputs):
        return (WEIGHTS * jnp.sin(outputs)).sum()

    @jax.jit
    def both(params):
        grad = jax.grad(lambda params: loss(unroll(cell, params, inputs)[1]))
        return gradients.gradient_by_lag(cell, params, inputs, loss), grad(params)

    got, want = both(params)
    assert_close([x.sum(0) for x in got], jax.tree.leaves(want), 1e-10)
    assert {x.shape[0] for x in got} == {T}


def test_every_lag_of_a_scalar_network(x64):
    """h = w h' + u x: ∂h_T/∂w is the sum over k of w^(k-1) h_(T-k)."""
    cell = elman(1, activation="identity", use_bias=False)
    w, u = 0.8, 1.3
    params = {"kernel": np.array([[u]]), "recurrent_kernel": np.array([[w]])}
    x = np.random.default_rng(3).normal(size=T)
    h = [0.0]
    for value in x:
        h.append(w * h[-1] + u * value)
    kernel, recurrent = gradients.gradient_by_lag(
        cell, params, x[:, None], lambda outputs: outputs[-1, 0]
    )
    back = np.arange(T)
    assert_close(recurrent[:, 0, 0], w**back * np.array(h)[T - 1 - back], 1e-12)
    assert_close(kernel[:, 0, 0], w**back * x[T - 1 - back], 1e-12)


def test_carry_gradients_of_a_cell_that_counts(x64):
    """Compares with the gradient by the carry between two chunks."""
    cell = user_cells.counting(H)
    params = jax.tree.map(np.float64, cell.init(jax.random.key(0), D))
    inputs = draw_tree(np.random.default_rng(4), (T, B), D)

    def loss(outputs):
        return (WEIGHTS[-len(outputs[0]) :] * outputs[0]).sum()

    (got,) = gradients.carry_gradients(cell, params, inputs, loss)
    for t in (0, 3, T - 1):
        first, rest = steps(inputs, slice(t)), steps(inputs, slice(t, None))
        carry = cell.initial_carry(params, (B,))
        if t:
            carry, _ = unroll(cell, params, first, carry=carry)

        def later(h):
            start = carry | {"h": h}  # noqa: B023
            return loss(unroll(cell, params, rest, carry=start)[1])  # noqa: B023

        assert_close(got[t], jax.jit(jax.grad(later))(carry["h"]), 1e-11)


def test_norms_by_lag_are_means_of_logs(x64):
    cell = gru(H)
    params, inputs = draw(cell)

    def step_loss(outputs):
        return (WEIGHTS * outputs).sum(-1)

    @jax.jit
    def both(params):
        def norms_from(t):
            def loss(outputs):
                return step_loss(outputs)[t].sum()

            (grads,) = gradients.carry_gradients(cell, params, inputs, loss)
            return jnp.linalg.norm(grads, axis=-1)

        norms = jax.lax.map(norms_from, jnp.arange(T))
        return gradients.gradient_norms_by_lag(cell, params, inputs, step_loss), norms

    got, norms = both(params)
    for lag in range(T):
        logs = np.log([norms[t, t - lag] for t in range(lag, T)]).ravel()
        mean, half = logs.mean(), 1.96 * logs.std(ddof=1) / np.sqrt(logs.size)
        want = np.exp([mean, mean - half, mean + half])
        np.testing.assert_allclose([curve[lag] for curve in got], want, rtol=1e-9)


def test_a_gradient_that_is_zero_has_norm_zero(x64):
    cell = elman(H, use_bias=False)
    params, inputs = draw(cell)
    params["recurrent_kernel"] = np.zeros((H, H))
    got = gradients.gradient_norms_by_lag(
        cell, params, inputs, lambda outputs: outputs.sum(-1), engine=hoisted
    )
    assert_close(got, type(got)(*[np.zeros(T)] * 3), 0)

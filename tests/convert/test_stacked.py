"""Parameters as one matrix over [h, x]: there, back, and in the lectures' equations."""

import jax
import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.convert.stacked import stack_kernels, unstack_kernels
from tests.cells.paper import draw_params, sigmoid
from tests.pytrees import assert_same_bits

B, D, H = 3, 2, 5
CELLS = {
    "elman": (elman(H), {}),
    "lstm": (lstm(H), {}),
    "lstm_no_bias": (lstm(H, use_bias=False), {}),
    "gru_after": (gru(H), {}),
    "gru_before": (gru(H, reset_after=False), {"reset_before": True}),
}


def draw(cell):
    rng = np.random.default_rng(0)
    params = draw_params(rng, cell, D, scale=0.4)
    return params, rng.normal(size=(B, D)), rng.normal(size=(B, H))


@pytest.mark.parametrize(("cell", "options"), CELLS.values(), ids=CELLS.keys())
def test_there_and_back(x64, cell, options):
    params, _, _ = draw(cell)
    stacked = stack_kernels(params)
    assert not any(name in stacked for name in ("kernel", "recurrent_kernel"))
    assert_same_bits(unstack_kernels(stacked, H, **options), params)


@pytest.mark.parametrize("name", ["elman", "lstm", "gru_after"])
def test_product_over_h_and_x_is_the_sum_of_both(x64, name):
    cell, _ = CELLS[name]
    params, x, h = draw(cell)
    W = np.asarray(stack_kernels(params)["stacked_kernel"])
    want = h @ params["recurrent_kernel"] + x @ params["kernel"]
    got = np.concatenate([h, x], axis=-1) @ W
    np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)


def test_lstm_of_the_lectures(x64):
    """[i, f, g, o] = W [h, x] + b, made in NumPy from what `stack_kernels` gives."""
    cell, _ = CELLS["lstm"]
    params, x, h = draw(cell)
    c = np.random.default_rng(1).normal(size=(B, H))
    stacked = jax.tree.map(np.asarray, stack_kernels(params))
    z = np.concatenate([h, x], axis=-1) @ stacked["stacked_kernel"] + stacked["bias"]
    i, f, g, o = np.split(z, 4, axis=-1)
    want_c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    want_h = sigmoid(o) * np.tanh(want_c)
    carry = cell.initial_carry(params)._replace(h=h, c=c)
    carry, outputs = cell.step(params, carry, x)
    np.testing.assert_allclose(carry.c, want_c, rtol=1e-12)
    np.testing.assert_allclose(outputs, want_h, rtol=1e-12)


def test_gru_of_the_paper(x64):
    """The candidate's block multiplies [r h, x]."""
    cell, _ = CELLS["gru_before"]
    params, x, h = draw(cell)
    W = np.asarray(stack_kernels(params)["stacked_kernel"])
    W_rz, W_n = W[:, : 2 * H], W[:, 2 * H :]
    b_rz, b_n = np.split(params["bias"], [2 * H])
    hx = np.concatenate([h, x], axis=-1)
    r, z = np.split(sigmoid(hx @ W_rz + b_rz), 2, axis=-1)
    n = np.tanh(np.concatenate([r * h, x], axis=-1) @ W_n + b_n)
    _, outputs = cell.step(params, h, x)
    np.testing.assert_allclose(outputs, (1 - z) * n + z * h, rtol=1e-12)


def test_missing_matrices_are_named():
    with pytest.raises(ValueError, match="params must have a kernel and a recurrent_"):
        stack_kernels({"kernel": np.zeros((D, H))})
    with pytest.raises(ValueError, match="stacked must have a stacked_kernel, got"):
        unstack_kernels({"kernel": np.zeros((D, H))}, H)
    stacked = {"stacked_kernel": np.zeros((H + D, H))}
    for size in (0, H + D, -1):
        message = rf"hidden_size must be from 1 to .*{size}"
        with pytest.raises(ValueError, match=message):
            unstack_kernels(stacked, size)

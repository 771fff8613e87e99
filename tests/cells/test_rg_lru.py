"""The real-gated linear recurrent unit against its paper."""

import jax
import numpy as np
import pytest
import scipy.linalg

from rnnjax.cells.rg_lru import rg_lru
from rnnjax.unroll import unroll
from tests.cells.paper import D, H, T, check_step_of_paper, draw_initial, sigmoid
from tests.pytrees import assert_close


def test_rg_lru_equals_paper(x64):
    """De et al. 2024, equations 1 to 4."""

    def step(params, h, x):
        W = np.split(params["kernel"], 2, -1)
        b = np.split(params["bias"], 2, -1)
        r, i = (sigmoid(x @ W[k] + b[k]) for k in range(2))
        a = np.exp(-8 * np.log1p(np.exp(params["decay"])) * r)
        return a * h + np.sqrt(1 - a**2) * (i * x)

    check_step_of_paper(rg_lru(D), step)


def test_rg_lru_with_blocks_equals_full_matrices(x64):
    """Whose other entries are zeros."""
    size, n = 6, 3
    params, inputs = draw_initial(rg_lru(size, num_blocks=n), size)
    assert params["kernel"].shape == (size // n, 2 * size)
    blocks = np.split(params["kernel"], 2 * n, axis=-1)
    gates = [scipy.linalg.block_diag(*part) for part in (blocks[:n], blocks[n:])]
    full = params | {"kernel": np.concatenate(gates, axis=-1)}
    got = unroll(rg_lru(size, num_blocks=n), params, inputs)
    assert_close(got, unroll(rg_lru(size), full, inputs), 1e-13)


@pytest.mark.parametrize(("name", "value"), [("bias", -200.0), ("decay", -120.0)])
def test_rg_lru_that_never_forgets_has_a_gradient(name, value):
    """Where a is 1 in float32, the root of 1 - a² has no derivative of its own."""
    cell = rg_lru(D)
    params = cell.init(jax.random.key(0), D)
    params[name] = np.full(params[name].shape, value, np.float32)

    def total(params):
        return unroll(cell, params, np.ones((T, D), np.float32))[1].sum()

    value, grads = jax.value_and_grad(total)(params)
    assert value == 0
    assert not any(np.any(grad) for grad in jax.tree.leaves(grads))


def test_rg_lru_with_gates_open_smooths(x64):
    """Exponential smoothing by a, of what is drawn at first."""
    cell = rg_lru(D)
    params, inputs = draw_initial(cell)
    params["kernel"] = np.zeros((D, 2 * D))
    params["bias"] = np.full(2 * D, 100.0)
    a = np.exp(-8 * np.log1p(np.exp(params["decay"])))
    assert ((a > 0.9) & (a < 0.999)).all()
    back = np.arange(T)[:, None] - np.arange(T)
    weights = np.where(back >= 0, a[:, None, None] ** back, 0)
    want = np.einsum("dts,sbd->tbd", weights, np.sqrt(1 - a**2) * inputs)
    assert_close(unroll(cell, params, inputs)[1], want, 1e-11)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rg_lru(H, num_blocks=2), "num_blocks must divide .* 5, got 2."),
        (lambda: rg_lru(D, max_decay=1.0), "max_decay must be 0 < .* got 0.9 and 1.0."),
        (lambda: rg_lru(D).init(None, H), "input_size must be the hidden_size, 2"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()

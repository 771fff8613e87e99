"""Parameters as one matrix over [h, x]: there, back, and in the lectures' equations."""

import numpy as np
import pytest

from rnnjax import elman, gru, lstm
from rnnjax.convert.stacked import stack_kernels, unstack_kernels
from tests.cells.paper import draw_params, sigmoid
from tests.pytrees import assert_same_bits
from tests.refusals import refuses

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


STACKED = {"stacked_kernel": np.zeros((H + D, H))}
test_missing_matrices_and_other_sizes_are_refused = refuses(
    (stack_kernels, {"kernel": 1}, "params must have a kernel and a recurrent_"),
    (unstack_kernels, {"kernel": 1}, H, "stacked must have a stacked_kernel, got"),
    *(
        (unstack_kernels, STACKED, size, rf"hidden_size must be from 1 to .*{size}")
        for size in (0, H + D, -1)
    ),
)

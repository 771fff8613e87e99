"""The linear recurrent unit against its paper, in complex numbers."""

import jax
import numpy as np
import pytest

from rnnjax.cells.lru import lru
from rnnjax.unroll import unroll
from tests.cells.paper import D, H, T, check_against_paper, draw_initial
from tests.pytrees import assert_close

N, OUT = 4, 3


def test_lru_equals_paper(x64):
    """Orvieto et al. 2023, in complex numbers."""

    def from_paper(params, carry, inputs):
        B_ = np.split(params["kernel"], 2, -1)
        C = np.split(params["output_kernel"], 2, 0)
        decay = -np.exp(params["log_decay"]) + 1j * np.exp(params["log_phase"])
        h, outputs = carry[0] + 1j * carry[1], []
        for x in inputs:
            driven = np.exp(params["log_scale"]) * (x @ (B_[0] + 1j * B_[1]))
            h = np.exp(decay) * h + driven
            outputs.append((h @ (C[0] + 1j * C[1])).real + params["skip"] * x)
        return (h.real, h.imag), np.stack(outputs)

    check_against_paper(lru(H), from_paper)


def test_lru_is_a_convolution_with_powers(x64):
    cell = lru(H)
    params, inputs = draw_initial(cell)
    decay = np.exp(-np.exp(params["log_decay"]) + 1j * np.exp(params["log_phase"]))
    B_ = np.split(params["kernel"], 2, -1)
    C = np.split(params["output_kernel"], 2, 0)
    driven = np.exp(params["log_scale"]) * (inputs @ (B_[0] + 1j * B_[1]))
    powers = decay ** np.arange(T)[:, None]
    want = [
        np.einsum("kn,kbn->bn", powers[: t + 1][::-1], driven[: t + 1])
        for t in range(T)
    ]
    want = (np.stack(want) @ (C[0] + 1j * C[1])).real + params["skip"] * inputs
    assert_close(unroll(cell, params, inputs)[1], want, 1e-12)


def test_lru_starts_on_its_ring():
    cell = lru(2000, min_radius=0.4, max_radius=0.9, max_phase=0.3)
    params = cell.init(jax.random.key(0), D)
    radius = np.exp(-np.exp(params["log_decay"]))
    assert 0.4 < radius.min() < 0.45 and 0.88 < radius.max() < 0.9
    # uniform on the ring: by area
    assert abs((radius**2).mean() - (0.4**2 + 0.9**2) / 2) < 0.02
    assert 0.28 < np.exp(params["log_phase"]).max() < 0.3
    scale = np.exp(params["log_scale"])
    np.testing.assert_allclose(scale, np.sqrt(1 - radius**2), rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lru(H, min_radius=0.9, max_radius=0.5), "got 0.9 and 0.5."),
        (lambda: lru(H, max_radius=1.2), "min_radius < max_radius <= 1, got 0.0"),
        (lambda: lru(H, max_phase=0.0), "max_phase must be positive .* got 0.0."),
        (lambda: lru(H, max_phase=180), "and at most 2π, got 180."),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()

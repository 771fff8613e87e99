"""The linear recurrent unit against its paper, in complex numbers."""

import jax
import numpy as np

from rnnjax.cells.lru import lru
from rnnjax.unroll import unroll
from tests.cells import paper
from tests.cells.paper import D, H, T
from tests.pytrees import assert_close


def parts_in_numpy(params, inputs):
    """Returns the decay of each unit, what drives it, and the output matrix."""
    B_ = np.split(params["kernel"], 2, -1)
    C = np.split(params["output_kernel"], 2, 0)
    decay = np.exp(-np.exp(params["log_decay"]) + 1j * np.exp(params["log_phase"]))
    driven = np.exp(params["log_scale"]) * (inputs @ (B_[0] + 1j * B_[1]))
    return decay, driven, C[0] + 1j * C[1]


def test_lru_equals_paper(x64):
    """Orvieto et al. 2023, in complex numbers."""

    def step(params, real, imag, x):
        decay, driven, C = parts_in_numpy(params, x)
        h = decay * (real + 1j * imag) + driven
        return (h.real, h.imag), (h @ C).real + params["skip"] * x

    paper.check_against_paper(lru(H), paper.with_outputs(step))


def test_lru_is_a_convolution_with_powers(x64):
    params, inputs = paper.draw_initial(lru(H))
    decay, driven, C = parts_in_numpy(params, inputs)
    powers = decay ** np.arange(T)[:, None]
    want = [
        np.einsum("kn,kbn->bn", powers[: t + 1][::-1], driven[: t + 1])
        for t in range(T)
    ]
    want = (np.stack(want) @ C).real + params["skip"] * inputs
    assert_close(unroll(lru(H), params, inputs)[1], want, 1e-12)


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

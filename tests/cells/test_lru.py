"""The linear recurrent unit against its paper, in complex numbers."""

import numpy as np

from rnnjax.cells.lru import lru
from tests.cells.paper import equals_paper, initial


@equals_paper(lru)
def test_equals_paper(params, real, imag, x):
    """Orvieto et al. 2023, equations 5 to 7."""
    B_real, B_imag = np.split(params["kernel"], 2, axis=1)
    C_real, C_imag = np.split(params["output_kernel"], 2, axis=0)
    decay = np.exp(-np.exp(params["log_decay"]) + 1j * np.exp(params["log_phase"]))
    driven = np.exp(params["log_scale"]) * (x @ (B_real + 1j * B_imag))
    h = decay * (real + 1j * imag) + driven
    shown = (h @ (C_real + 1j * C_imag)).real + params["skip"] * x
    return (h.real, h.imag), shown


def test_starts_on_its_ring():
    cell = lru(2000, min_radius=0.4, max_radius=0.9, max_phase=0.3)
    params = initial(cell)
    radius = np.exp(-np.exp(params["log_decay"]))
    assert 0.4 < radius.min() < 0.45 and 0.88 < radius.max() < 0.9
    # uniform on the ring: by area
    assert abs((radius**2).mean() - (0.4**2 + 0.9**2) / 2) < 0.02
    assert 0.28 < np.exp(params["log_phase"]).max() < 0.3
    scale = np.exp(params["log_scale"])
    np.testing.assert_allclose(scale, np.sqrt(1 - radius**2), rtol=1e-4)

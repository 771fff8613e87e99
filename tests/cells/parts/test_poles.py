"""Initial poles against their paper and the matrix they approximate."""

import numpy as np

from rnnjax.cells.parts.poles import s4d_inv, s4d_lin, s4d_real


def test_poles_of_the_paper():
    """Gu et al. 2022, section 4."""
    np.testing.assert_allclose(s4d_lin(3), -0.5 + 1j * np.pi * np.array([0, 1, 2]))
    np.testing.assert_allclose(s4d_real(3), [-1, -2, -3])
    inverse = np.array([30, 6, 1.2]) / np.pi  # N (N / (2 n + 1) - 1) for N = 6
    np.testing.assert_allclose(s4d_inv(3), -0.5 + 1j * inverse)


def test_s4d_inv_is_near_the_normal_part_of_hippo():
    """Of whose eigenvalues its poles are the asymptotic form."""
    v = np.sqrt(np.arange(64) + 0.5)
    normal = np.triu(np.outer(v, v), 1) - np.tril(np.outer(v, v), -1) - np.eye(64) / 2
    highest = np.sort_complex(1j * np.linalg.eigvals(normal))[:3]
    np.testing.assert_allclose(1j * s4d_inv(32)[:3], highest, rtol=0.08)
    assert abs(s4d_inv(32)[0] / (-1j * highest[0]) - 1) < 0.02

"""Where the poles of a diagonal state space start.

Each function takes how many conjugate pairs there are and returns one pole of each, the
one whose imaginary part is not negative.
"""

from collections.abc import Callable

import numpy as np

Poles = Callable[[int], np.ndarray]


def s4d_lin(num_poles: int) -> np.ndarray:
    """Returns poles of evenly spaced frequencies, as of a Fourier series.

        Aₙ = -1/2 + iπn,  n = 0, 1, ...

    Args:
      num_poles: how many.

    Returns:
      `[num_poles]`, complex.

    Example:
      >>> s4d_lin(3).imag / np.pi
      array([0., 1., 2.])

    References:
      Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal
      State Space Models", NeurIPS 2022, section 4, S4D-Lin.
    """
    return -0.5 + 1j * np.pi * np.arange(num_poles)


def s4d_inv(num_poles: int) -> np.ndarray:
    """Returns poles near those of S4: a few very high frequencies, many low ones.

        Aₙ = -1/2 + i (N/π) (N / (2n + 1) - 1),  n = 0, 1, ...

    Args:
      num_poles: how many; N is twice that, for the paper counts both of a pair.

    Returns:
      `[num_poles]`, complex.

    References:
      Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal
      State Space Models", NeurIPS 2022, section 4, S4D-Inv.
    """
    size = 2 * num_poles
    odd = 2 * np.arange(num_poles) + 1
    return -0.5 + 1j * size / np.pi * (size / odd - 1)


def s4d_real(num_poles: int) -> np.ndarray:
    """Returns real poles, which decay at different speeds and do not oscillate.

        Aₙ = -(n + 1),  n = 0, 1, ...

    Args:
      num_poles: how many.

    Returns:
      `[num_poles]`, complex, the imaginary parts zero. Learning may move them from
      there; the paper's S4D-Real keeps all numbers real.

    References:
      Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal
      State Space Models", NeurIPS 2022, section 4, S4D-Real.
    """
    return -(np.arange(num_poles) + 1.0 + 0j)

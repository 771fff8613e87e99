"""Initial poles of a diagonal state space model.

Each function takes the number of conjugate pairs and returns one pole of each pair, the
one with a non-negative imaginary part.
"""

from collections.abc import Callable

import numpy as np

Poles = Callable[[int], np.ndarray]


def s4d_lin(num_poles: int) -> np.ndarray:
    """Returns poles with evenly spaced frequencies, like those of a Fourier series.

        Aₙ = -1/2 + iπn,  n = 0, 1, ...

    Args:
      num_poles: number of poles.

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
    """Returns poles close to those of S4: few high frequencies and many low ones.

        Aₙ = -1/2 + i (N/π) (N / (2n + 1) - 1),  n = 0, 1, ...

    Args:
      num_poles: number of poles; N is twice that, as the paper counts both of a pair.

    Returns:
      `[num_poles]`, complex.

    Example:
      >>> (s4d_inv(3).imag * np.pi).round(3)  # in units of 1 / π
      array([30. ,  6. ,  1.2])

    References:
      Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal
      State Space Models", NeurIPS 2022, section 4, S4D-Inv.
    """
    size = 2 * num_poles
    odd = 2 * np.arange(num_poles) + 1
    return -0.5 + 1j * size / np.pi * (size / odd - 1)


def s4d_real(num_poles: int) -> np.ndarray:
    """Returns real poles, which decay at different rates without oscillating.

        Aₙ = -(n + 1),  n = 0, 1, ...

    Args:
      num_poles: number of poles.

    Returns:
      `[num_poles]`, complex with imaginary parts of zero. Training may move them; the
      paper's S4D-Real keeps all numbers real.

    Example:
      >>> s4d_real(3).real
      array([-1., -2., -3.])

    References:
      Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal
      State Space Models", NeurIPS 2022, section 4, S4D-Real.
    """
    return -(np.arange(num_poles) + 1.0 + 0j)

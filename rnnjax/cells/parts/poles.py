"""Initial poles of a diagonal state space model.

Each function takes the number of conjugate pairs and returns one pole of each pair
`[num_poles]`, complex, the one with a non-negative imaginary part.

References:
  Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal State
  Space Models", NeurIPS 2022, section 4: S4D-Lin, S4D-Inv and S4D-Real.
"""

from collections.abc import Callable

import numpy as np

Poles = Callable[[int], np.ndarray]


def s4d_lin(num_poles: int) -> np.ndarray:
    """Returns poles with evenly spaced frequencies, like those of a Fourier series.

        Aₙ = -1/2 + iπn,  n = 0, 1, ...

    Example:
      >>> s4d_lin(3).imag / np.pi
      array([0., 1., 2.])
    """
    return -0.5 + 1j * np.pi * np.arange(num_poles)


def s4d_inv(num_poles: int) -> np.ndarray:
    """Returns poles close to those of S4: few high frequencies and many low ones.

        Aₙ = -1/2 + i (N/π) (N / (2n + 1) - 1),  n = 0, 1, ...

    N is twice `num_poles`, as the paper counts both poles of a pair.

    Example:
      >>> (s4d_inv(3).imag * np.pi).round(3)  # in units of 1 / π
      array([30. ,  6. ,  1.2])
    """
    size = 2 * num_poles
    odd = 2 * np.arange(num_poles) + 1
    return -0.5 + 1j * size / np.pi * (size / odd - 1)


def s4d_real(num_poles: int) -> np.ndarray:
    """Returns real poles, which decay at different rates without oscillating.

        Aₙ = -(n + 1),  n = 0, 1, ...

    Training may move them off the real axis; the paper's S4D-Real keeps all real.

    Example:
      >>> s4d_real(3).real
      array([-1., -2., -3.])
    """
    return -(np.arange(num_poles) + 1.0 + 0j)

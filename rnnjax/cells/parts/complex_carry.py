"""Complex carries, as pairs of real arrays."""

from typing import NamedTuple

from rnnjax.base import Array, Params, serializable


@serializable
class ComplexCarry(NamedTuple):
    """Complex numbers as two real arrays, so that all dtypes stay real.

    Attributes:
      real: real parts.
      imag: imaginary parts.
    """

    real: Array
    imag: Array


def decayed(params: Params, carry: ComplexCarry) -> ComplexCarry:
    """Multiplies a carry by the complex numbers `decay_real` + i `decay_imag`.

    Example:
      >>> rotation = {"decay_real": 0.0, "decay_imag": 1.0}  # i
      >>> decayed(rotation, ComplexCarry(real=2.0, imag=3.0))
      ComplexCarry(real=-3.0, imag=2.0)
    """
    a, b = params["decay_real"], params["decay_imag"]
    return ComplexCarry(
        a * carry.real - b * carry.imag, a * carry.imag + b * carry.real
    )

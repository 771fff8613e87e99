"""The unitary recurrent network: a complex carry whose norm the recurrence keeps."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax
from jax.nn import initializers

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    check_positive,
    factored_cell,
    factored_step,
)
from rnnjax.initializers import Initializer, per_gate, symmetric_uniform
from rnnjax.products import matmul, split


class UnitaryCarry(NamedTuple):
    """The carry of a unitary network, a vector of complex numbers.

    Attributes:
      real: `[..., hidden_size]`.
      imag: `[..., hidden_size]`.
    """

    real: Array
    imag: Array


export.register_namedtuple_serialization(
    UnitaryCarry, serialized_name="rnnjax.UnitaryCarry"
)


def unitary_rnn_step(
    params: Params, carry: UnitaryCarry, inputs: Array, *, permutation_seed: int = 0
) -> tuple[UnitaryCarry, Array]:
    """Computes one step of a unitary network.

        hₜ = modReLU(V xₜ + W hₜ₋₁; b),  W = D₃ R₂ F⁻¹ D₂ Π R₁ F D₁
        D = diag(exp(i θ)),  R = I - 2 v vᴴ / ‖v‖²
        modReLU(z; b) = (|z| + b) z / |z| where |z| + b ≥ 0, and 0 elsewhere

    F is the discrete Fourier transform, scaled to be unitary, and Π a permutation. The
    outputs hold the real parts and then the imaginary ones.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` Vᵀ `[input_size,
        2 * hidden_size]`, the real parts beside the imaginary ones, `rotation` exp(iθ)
        of D₁, D₂, D₃ `[2, 3, hidden_size]`, real parts first, `reflection` v / ‖v‖ of
        R₁, R₂ `[2, 2, hidden_size]` likewise and, unless left out, `bias` b
        `[hidden_size]`.
      carry: hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      permutation_seed: draws Π; see `unitary_rnn`.

    Returns:
      The carry of hₜ, and the outputs `[..., 2 * hidden_size]`.

    References:
      Arjovsky, Shah and Bengio, "Unitary Evolution Recurrent Neural Networks", ICML
      2016, equations 6 to 8.
    """
    return factored_step(_factors(permutation_seed, None))(params, carry, inputs)


@cached
def unitary_rnn(
    hidden_size: int,
    *,
    permutation_seed: int = 0,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.glorot_uniform(),
    phase_init: Initializer = symmetric_uniform(np.pi),
    reflection_init: Initializer = symmetric_uniform(1.0),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a unitary cell; see `unitary_rnn_step` for the equations.

    The recurrence costs O(n log n) for n units, and has 7 n weights. All parameters and
    the carry are real numbers; below 32 bits the transforms are computed in float32.

    Args:
      hidden_size: number of complex units; the outputs are twice as wide.
      permutation_seed: draws Π, which is not trained: `numpy.random.default_rng(seed)
        .permutation(hidden_size)` lists the unit that each place takes.
      use_bias: whether modReLU has a bias, without which it is the identity.
      kernel_init: initializer of the real and of the imaginary part of V.
      phase_init: initializer of the phases θ, in radians.
      reflection_init: initializer of the real and imaginary parts of the vectors v.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the product with V, such as bfloat16; None:
        the parameters' own.

    Returns:
      The cell, over `UnitaryCarry`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = unitary_rnn(4)
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.real.shape
      ((8,), (4,))
    """
    check_positive(hidden_size=hidden_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        params = {
            "kernel": per_gate(kernel_init, 2)(
                keys[0], (input_size, 2 * hidden_size), dtype
            ),
            "phases": phase_init(keys[1], (3, hidden_size), dtype),
            "reflections": reflection_init(keys[2], (2, 2, hidden_size), dtype),
        }
        if use_bias:
            params["bias"] = bias_init(keys[3], (hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["kernel"].dtype
        return UnitaryCarry(real=jnp.zeros(shape, dtype), imag=jnp.zeros(shape, dtype))

    factors = _factors(permutation_seed, compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=_prepare)


def _prepare(params):
    params = dict(params)
    phases, v = params.pop("phases"), params.pop("reflections")
    norm = jnp.sqrt((v * v).sum(axis=(0, 2), keepdims=True))
    rotation = jnp.stack([jnp.cos(phases), jnp.sin(phases)])
    return params | {"rotation": rotation, "reflection": v / norm}


@cached
def _factors(permutation_seed, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return UnitaryCarry(*split(drive, 2))

    def recur(params, carry):
        order = np.random.default_rng(permutation_seed).permutation(
            carry.real.shape[-1]
        )
        D1, D2, D3 = _as_complex(*params["rotation"])
        v1, v2 = _as_complex(*params["reflection"])
        z = jnp.fft.fft(_as_complex(*carry) * D1, norm="ortho")
        z = jnp.take(_reflect(z, v1), order, axis=-1) * D2
        z = _reflect(jnp.fft.ifft(z, norm="ortho"), v2) * D3
        dtype = params["rotation"].dtype
        return UnitaryCarry(z.real.astype(dtype), z.imag.astype(dtype))

    def update(params, carry, pre):
        del carry
        return _modrelu(pre, params["bias"]) if "bias" in params else pre

    def readout(params, carry, inputs):
        del params, inputs
        return jnp.concatenate(carry, axis=-1)

    return Factors(project, recur, update, readout)


def _as_complex(real, imag):
    wide = jnp.promote_types(real.dtype, jnp.float32)
    return lax.complex(real.astype(wide), imag.astype(wide))


def _reflect(z, v):
    return z - 2 * jnp.sum(z * v.conj(), axis=-1, keepdims=True) * v


def _modrelu(z, bias):
    """Lengthens complex numbers by the bias; written as the real `modrelu` is."""
    squared = z.real**2 + z.imag**2
    length = jnp.sqrt(jnp.where(squared == 0, 1, squared))
    lengthened = jnp.where(squared == 0, 0, length) + bias >= 0

    def lengthen(part):
        return jnp.where(lengthened, part + part / length * bias, 0)

    return UnitaryCarry(lengthen(z.real), lengthen(z.imag))

"""The unitary recurrent network: a complex carry whose norm the recurrence keeps."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
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
from rnnjax.cells.lru import ComplexCarry
from rnnjax.initializers import Initializer, per_gate, symmetric_uniform
from rnnjax.products import matmul, split


def unitary_rnn_step(
    params: Params, carry: ComplexCarry, inputs: Array
) -> tuple[ComplexCarry, Array]:
    """Computes one step of a unitary network.

        hₜ = modReLU(V xₜ + W hₜ₋₁; b),  W = D₃ R₂ F⁻¹ D₂ Π R₁ F D₁
        D = diag(exp(i θ)),  R = I - 2 v vᴴ / ‖v‖²
        modReLU(z; b) = (|z| + b) z / |z| where |z| + b ≥ 0, and 0 elsewhere

    F is the discrete Fourier transform, scaled to be unitary, and Π a permutation. The
    outputs hold the real parts and then the imaginary ones.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` Vᵀ `[input_size,
        2 * hidden_size]`, the real parts beside the imaginary ones, `recurrent_kernel`
        Wᵀ `[2 * hidden_size, 2 * hidden_size]`, the real matrix that takes real parts
        beside imaginary ones to the same, and, unless left out, `bias` b
        `[hidden_size]`.
      carry: hₜ₋₁, `[..., hidden_size]` each.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, and the outputs `[..., 2 * hidden_size]`.

    References:
      Arjovsky, Shah and Bengio, "Unitary Evolution Recurrent Neural Networks", ICML
      2016, equations 6 to 8.
    """
    return factored_step(_factors(None))(params, carry, inputs)


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

    W has 7 weights a unit. It is multiplied out once an unroll, by `prepare`, in
    float32 at least: one product a step suits processors and engines better than the
    transforms, though these would take O(n log n). All parameters are real numbers.

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
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `rnnjax.cells.lru.ComplexCarry`.

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
        return ComplexCarry(real=jnp.zeros(shape, dtype), imag=jnp.zeros(shape, dtype))

    def prepare(params):
        params = dict(params)
        phases, reflections = params.pop("phases"), params.pop("reflections")
        W = _unitary_matrix(phases, reflections, permutation_seed)
        rows = [[W.real.T, W.imag.T], [-W.imag.T, W.real.T]]
        return params | {"recurrent_kernel": jnp.block(rows).astype(phases.dtype)}

    factors = _factors(compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=prepare)


def _unitary_matrix(phases, reflections, permutation_seed):
    """Returns W: what it makes of each column of the identity."""
    size, wide = phases.shape[-1], jnp.promote_types(phases.dtype, jnp.float32)
    order = np.random.default_rng(permutation_seed).permutation(size)
    phases, reflections = phases.astype(wide), reflections.astype(wide)
    D1, D2, D3 = lax.complex(jnp.cos(phases), jnp.sin(phases))[:, :, None]
    v1, v2 = lax.complex(*reflections)
    W = D1 * jnp.eye(size, dtype=wide)
    W = D2 * _reflect(jnp.fft.fft(W, axis=0, norm="ortho"), v1)[order]
    return D3 * _reflect(jnp.fft.ifft(W, axis=0, norm="ortho"), v2)


def _reflect(columns, v):
    with jax.default_matmul_precision("highest"):
        return columns - 2 * jnp.outer(v, v.conj() @ columns) / jnp.vdot(v, v).real


@cached
def _factors(compute_dtype):
    def project(params, inputs):
        return matmul(inputs, params["kernel"], compute_dtype)

    def recur(params, carry):
        both = jnp.concatenate(carry, axis=-1)
        return matmul(both, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del carry
        z = ComplexCarry(*split(pre, 2))
        return _modrelu(z, params["bias"]) if "bias" in params else z

    def readout(params, carry, inputs):
        del params, inputs
        return jnp.concatenate(carry, axis=-1)

    return Factors(project, recur, update, readout)


def _modrelu(z, bias):
    """Lengthens complex numbers by the bias; written as the real `modrelu` is."""
    squared = z.real**2 + z.imag**2
    length = jnp.sqrt(jnp.where(squared == 0, 1, squared))
    lengthened = jnp.where(squared == 0, 0, length) + bias >= 0

    def lengthen(part):
        return jnp.where(lengthened, part + part / length * bias, 0)

    return ComplexCarry(lengthen(z.real), lengthen(z.imag))

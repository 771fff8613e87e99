"""The unitary network, whose recurrent matrix keeps the norm of a complex carry."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.nn import initializers

from rnnjax.base import Array, Cell, Params, cached, factored_cell
from rnnjax.cells.parts.complex_carry import ComplexCarry
from rnnjax.cells.parts.gated import gated_factors, gated_init, zero_carry
from rnnjax.initializers import Initializer, symmetric_uniform
from rnnjax.products import matmul, split


def unitary_rnn_step(
    params: Params, carry: ComplexCarry, inputs: Array
) -> tuple[ComplexCarry, Array]:
    """Computes one step of a unitary network.

        hₜ = modReLU(V xₜ + W hₜ₋₁; b),  W = D₃ R₂ F⁻¹ D₂ Π R₁ F D₁
        D = diag(exp(i θ)),  R = I - 2 v vᴴ / ‖v‖²
        modReLU(z; b) = (|z| + b) z / |z| where |z| + b ≥ 0, and 0 elsewhere

    F is the unitary discrete Fourier transform and Π a permutation. The real parts of
    the outputs come before the imaginary parts.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` V `[input_size,
        2 * hidden_size]`, real parts before imaginary parts, `recurrent_kernel` W
        `[2 * hidden_size, 2 * hidden_size]`, as a real matrix acting on real parts
        before imaginary parts, and, optionally, `bias` b `[hidden_size]`.
      carry: hₜ₋₁, `[..., hidden_size]` each.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, and the outputs `[..., 2 * hidden_size]`.

    References:
      Arjovsky, Shah and Bengio, "Unitary Evolution Recurrent Neural Networks", ICML
      2016, equations 6 to 8.
    """
    return _factors().step(params, carry, inputs)


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

    W has 7 weights per unit. `prepare` multiplies it out once per unroll, in at least
    float32: one product per step is faster on current hardware than the transforms,
    despite their O(n log n) operations. All parameters are real.

    Args:
      hidden_size: number of complex units; the outputs are twice as wide.
      permutation_seed: seed of Π, which is not trained: row i of Π selects unit
        `numpy.random.default_rng(seed).permutation(hidden_size)[i]`.
      use_bias: whether modReLU has a bias, without which it is the identity.
      kernel_init: initializer of the real part and of the imaginary part of V.
      phase_init: initializer of the phases θ, in radians.
      reflection_init: initializer of the real and imaginary parts of the vectors v.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.

    Returns:
      The cell, over `ComplexCarry`.

    Example: without input and bias, the norm of the carry is kept.
      >>> cell = unitary_rnn(2, use_bias=False)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry = ComplexCarry(real=jnp.array([3.0, 0.0]), imag=jnp.array([0.0, 4.0]))
      >>> _, outputs = rnnjax.unroll(cell, params, jnp.zeros((100, 3)), carry=carry)
      >>> jnp.linalg.norm(outputs[-1]).round(4)
      Array(5., dtype=float32)
    """
    plain = gated_init(
        hidden_size,
        "ri",  # real and imaginary parts
        recurrent="",
        unbiased="i",
        use_bias=use_bias,
        kernel_init=kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )

    def init(key, input_size):
        keys = jax.random.split(key, 4)
        return plain(key, input_size, bias_key=keys[3]) | {
            "phases": phase_init(keys[1], (3, hidden_size), dtype),
            "reflections": reflection_init(keys[2], (2, 2, hidden_size), dtype),
        }

    def prepare(params):
        params = dict(params)
        phases, reflections = params.pop("phases"), params.pop("reflections")
        W = _unitary_matrix(phases, reflections, permutation_seed)
        rows = [[W.real.T, W.imag.T], [-W.imag.T, W.real.T]]
        return params | {"recurrent_kernel": jnp.block(rows).astype(phases.dtype)}

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=ComplexCarry)
    factors = _factors(compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=prepare)


def _unitary_matrix(phases, reflections, permutation_seed):
    """Returns W, by applying its factors to the columns of the identity."""
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


def _factors(compute_dtype=None):
    def project(params, inputs):
        return matmul(inputs, params["kernel"], compute_dtype)

    def update(params, carry, pre):
        z = ComplexCarry(*split(pre, 2))
        return _modrelu(z, params["bias"]) if "bias" in params else z

    def side_by_side(carry):
        return jnp.concatenate(carry, axis=-1)

    factors = gated_factors(update, compute_dtype, shown=side_by_side)
    return factors._replace(project=project)


def _modrelu(z, bias):
    """Shifts the modulus of complex numbers by the bias, like the real `modrelu`."""
    squared = z.real**2 + z.imag**2
    modulus = jnp.sqrt(jnp.where(squared == 0, 1, squared))
    is_positive = jnp.where(squared == 0, 0, modulus) + bias >= 0

    def shift(part):
        return jnp.where(is_positive, part + part / modulus * bias, 0)

    return ComplexCarry(shift(z.real), shift(z.imag))

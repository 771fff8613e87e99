"""The linear recurrent unit: a diagonal complex linear system."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export

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
from rnnjax.products import matmul, split


class ComplexCarry(NamedTuple):
    """Complex numbers as two real arrays, so that dtypes stay those of all cells.

    Attributes:
      real: real parts.
      imag: imaginary parts.
    """

    real: Array
    imag: Array


export.register_namedtuple_serialization(
    ComplexCarry, serialized_name="rnnjax.ComplexCarry"
)


def lru_step(
    params: Params, carry: ComplexCarry, inputs: Array
) -> tuple[ComplexCarry, Array]:
    """Computes one step of a linear recurrent unit.

        λ = exp(-exp(ν) + i exp(θ))
        hₜ = λ ∘ hₜ₋₁ + γ ∘ (B xₜ)
        oₜ = Re(C hₜ) + d ∘ xₜ        γ = exp(log γ)

    h, B and C are complex; |λ| < 1 whatever ν, so the carry cannot explode.

    Args:
      params: dict of `kernel` B `[input_size, 2 * hidden_size]` and `output_kernel` C
        `[2 * hidden_size, input_size]`, real parts before imaginary parts,
        `decay_real`, `decay_imag` the parts of λ and `scale` γ, `[hidden_size]`
        each, as the cell's `prepare` makes them of ν, θ and log γ, and `skip` d
        `[input_size]`.
      carry: hₜ₋₁, `[..., hidden_size]` each.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, and the outputs oₜ `[..., input_size]`.

    References:
      Orvieto et al., "Resurrecting Recurrent Neural Networks for Long Sequences", ICML
      2023, equations 5 to 7 and appendix A.
    """
    return factored_step(_factors(None))(params, carry, inputs)


@cached
def lru(
    hidden_size: int,
    *,
    min_radius: float = 0.0,
    max_radius: float = 1.0,
    max_phase: float = 2 * math.pi,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a linear recurrent unit; see `lru_step` for the equations.

    Args:
      hidden_size: number of complex numbers in the carry.
      min_radius: least |λ| at first.
      max_radius: largest |λ| at first; λ are drawn uniformly on the ring between.
      max_phase: largest phase of λ at first, in radians.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `ComplexCarry`; its outputs are as wide as its inputs.

    Raises:
      ValueError: if `hidden_size` is not positive, or the radii are not
        0 <= min_radius < max_radius <= 1, or `max_phase` is not in (0, 2π].

    Example:
      >>> cell = lru(4)
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> carry.real.shape, outputs.shape
      ((4,), (3,))
    """
    check_positive(hidden_size=hidden_size)
    if not 0 <= min_radius < max_radius <= 1:
        raise ValueError(
            "min_radius and max_radius must be 0 <= min_radius < max_radius <= 1, "
            f"got {min_radius} and {max_radius}."
        )
    if not 0 < max_phase <= 2 * math.pi:
        raise ValueError(f"max_phase must be positive and at most 2π, got {max_phase}.")

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 5)
        # drawn in float32 at least: a radius near 1 is rounded to 1 in bfloat16
        wide = jnp.promote_types(dtype, jnp.float32)
        share = jax.random.uniform(keys[0], (hidden_size,), wide, minval=1e-6)
        square = min_radius**2 + share * (max_radius**2 - min_radius**2)
        square = jnp.minimum(square, 1 - 1e-6)  # 1 has no log_decay
        phase = jax.random.uniform(keys[1], (hidden_size,), wide, minval=1e-6)
        kernel = jax.random.normal(keys[2], (input_size, 2 * hidden_size), wide)
        output = jax.random.normal(keys[3], (2 * hidden_size, input_size), wide)
        params = {
            "kernel": kernel / math.sqrt(2 * input_size),
            "output_kernel": output / math.sqrt(hidden_size),
            "log_decay": jnp.log(-jnp.log(square) / 2),
            "log_phase": jnp.log(max_phase * phase),
            "log_scale": jnp.log1p(-square) / 2,
            "skip": jax.random.normal(keys[4], (input_size,), wide),
        }
        return {name: x.astype(dtype) for name, x in params.items()}

    def prepare(params):
        rest = dict(params)
        radius = jnp.exp(-jnp.exp(rest.pop("log_decay")))
        phase = jnp.exp(rest.pop("log_phase"))
        return rest | {
            "decay_real": radius * jnp.cos(phase),
            "decay_imag": radius * jnp.sin(phase),
            "scale": jnp.exp(rest.pop("log_scale")),
        }

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["kernel"].dtype
        return ComplexCarry(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype))

    return factored_cell(init, initial_carry, _factors(compute_dtype), prepare=prepare)


@cached
def _factors(compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        real, imag = split(drive, 2)
        return ComplexCarry(params["scale"] * real, params["scale"] * imag)

    def recur(params, carry):
        a, b = params["decay_real"], params["decay_imag"]
        return ComplexCarry(
            a * carry.real - b * carry.imag, a * carry.imag + b * carry.real
        )

    def update(params, carry, pre):
        del params, carry
        return pre

    def readout(params, carry, inputs):
        both = jnp.concatenate([carry.real, -carry.imag], axis=-1)
        outputs = matmul(both, params["output_kernel"], compute_dtype)
        return outputs + params["skip"] * inputs.astype(outputs.dtype)

    return Factors(project, recur, update, readout)

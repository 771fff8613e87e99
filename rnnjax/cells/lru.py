"""The linear recurrent unit, a diagonal complex linear system."""

import math

import jax
import jax.numpy as jnp

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    check_positive,
    factored_cell,
)
from rnnjax.cells.parts.complex_carry import ComplexCarry, decayed
from rnnjax.cells.parts.gated import zero_carry
from rnnjax.products import matmul, split


def lru_step(
    params: Params, carry: ComplexCarry, inputs: Array
) -> tuple[ComplexCarry, Array]:
    """Computes one step of a linear recurrent unit.

        λ = exp(-exp(ν) + i exp(θ))
        hₜ = λ ∘ hₜ₋₁ + γ ∘ (B xₜ)
        oₜ = Re(C hₜ) + d ∘ xₜ        γ = exp(log γ)

    h, B and C are complex. |λ| < 1 for every ν, so the carry cannot explode.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` B `[input_size,
        2 * hidden_size]` and `output_kernel` C `[2 * hidden_size, input_size]`, real
        parts before imaginary parts; `decay_real` and `decay_imag` of λ and `scale` γ,
        `[hidden_size]` each; and `skip` d `[input_size]`.
      carry: hₜ₋₁, `[..., hidden_size]` each.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, and the outputs oₜ `[..., input_size]`.

    References:
      Orvieto et al., "Resurrecting Recurrent Neural Networks for Long Sequences", ICML
      2023, equations 5 to 7 and appendix A.
    """
    return _factors().step(params, carry, inputs)


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
      min_radius: smallest initial |λ|.
      max_radius: largest initial |λ|; λ is drawn uniformly from the ring between.
      max_phase: largest initial phase of λ, in radians.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.

    Returns:
      The cell, over `ComplexCarry`; its outputs are as wide as its inputs.

    Raises:
      ValueError: if the radii are not 0 <= min_radius < max_radius <= 1, or `max_phase`
        is not in (0, 2π].

    Example: it convolves its inputs with its impulse response.
      >>> cell = lru(4)
      >>> params = cell.init(jax.random.key(0), 1)
      >>> def run(inputs):
      ...     return rnnjax.unroll(cell, params, inputs[:, None])[1][:, 0]
      >>> inputs, response = jnp.arange(6.0), run(jnp.array([1.0, 0, 0, 0, 0, 0]))
      >>> want = jnp.convolve(inputs, response)[:6]
      >>> bool(jnp.allclose(run(inputs), want, atol=1e-4))
      True
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
        # in at least float32, since bfloat16 rounds a radius near 1 to 1
        wide = jnp.promote_types(dtype, jnp.float32)
        share = jax.random.uniform(keys[0], (hidden_size,), wide, minval=1e-6)
        square = min_radius**2 + share * (max_radius**2 - min_radius**2)
        square = jnp.minimum(square, 1 - 1e-6)  # log_decay of 1 is infinite
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

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=ComplexCarry)
    return factored_cell(init, initial_carry, _factors(compute_dtype), prepare=prepare)


def _factors(compute_dtype=None):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        real, imag = split(drive, 2)
        return ComplexCarry(params["scale"] * real, params["scale"] * imag)

    def update(params, carry, pre):
        return pre

    def readout(params, carry, inputs):
        both = jnp.concatenate([carry.real, -carry.imag], axis=-1)
        outputs = matmul(both, params["output_kernel"], compute_dtype)
        return outputs + params["skip"] * inputs.astype(outputs.dtype)

    return Factors(project, decayed, update, readout)

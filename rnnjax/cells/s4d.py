"""Diagonal state spaces: a linear differential equation a feature, made discrete."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    check_positive,
    factored_step,
)
from rnnjax.cells.lru import ComplexCarry
from rnnjax.cells.parts.poles import Poles, s4d_lin

Discretization = Callable[[Array, Array], tuple[Array, Array]]


def zero_order_hold(a: Array, dt: Array) -> tuple[Array, Array]:
    """Solves h' = a h + x exactly for an input that is held over each step.

        Ā = exp(a Δ),  B̄ = (exp(a Δ) - 1) / a

    Args:
      a: complex, its real part negative.
      dt: Δ, positive.

    Returns:
      Ā and B̄, complex.
    """
    # expm1: near 0, exp(a Δ) - 1 would leave a float32 four digits
    return jnp.exp(a * dt), jnp.expm1(a * dt) / a


def bilinear(a: Array, dt: Array) -> tuple[Array, Array]:
    """Solves h' = a h + x by the trapezoidal rule, Tustin's method.

        Ā = (1 + a Δ / 2) / (1 - a Δ / 2),  B̄ = Δ / (1 - a Δ / 2)

    Args:
      a: complex, its real part negative.
      dt: Δ, positive.

    Returns:
      Ā and B̄, complex.
    """
    behind = 1 - a * dt / 2
    return (1 + a * dt / 2) / behind, dt / behind


def s4d_step(
    params: Params, carry: ComplexCarry, inputs: Array
) -> tuple[ComplexCarry, Array]:
    """Computes one step of a diagonal state space for every feature of the input.

        hₜ = Ā ∘ hₜ₋₁ + B̄ xₜ
        oₜ = 2 Re(C · hₜ) + d xₜ

    h, Ā, B̄ and C are complex, n numbers a feature, each standing for a conjugate pair.

    Args:
      params: dict of `decay_real`, `decay_imag` Ā and `scale_real`, `scale_imag` B̄,
        `[input_size, state_size]` each, as the cell's `prepare` makes them of
        A = -exp(log_decay) + i frequency and Δ = exp(log_dt); `output_real`,
        `output_imag` C of the same shape; `skip` d `[input_size]`.
      carry: hₜ₋₁, `[..., input_size, state_size]` each.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, and the outputs oₜ `[..., input_size]`.

    Raises:
      ValueError: if the inputs are not as wide as d.

    References:
      Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal
      State Space Models", NeurIPS 2022, sections 3 and 4; B is 1 and joins C.
    """
    return factored_step(_factors())(params, carry, inputs)


@cached
def s4d(
    state_size: int,
    *,
    discretization: Discretization = zero_order_hold,
    poles_init: Poles = s4d_lin,
    min_dt: float = 1e-3,
    max_dt: float = 1e-1,
    dtype: jax.typing.DTypeLike = jnp.float32,
) -> Cell:
    """Makes a diagonal state space; see `s4d_step` for the equations.

    At first every feature has the same A, and log Δ is drawn uniformly.

    Args:
      state_size: n, complex numbers a feature.
      discretization: `zero_order_hold` or `bilinear`.
      poles_init: gives A `[state_size]` at first, complex: `s4d_lin`, `s4d_inv`,
        `s4d_real` of `rnnjax.cells.parts.poles`, or another function of n.
      min_dt: least Δ at first, in steps: the memory of 1/Δ steps is the longest.
      max_dt: largest Δ at first.
      dtype: dtype of the parameters, hence of the carry and the outputs.

    Returns:
      The cell, over `ComplexCarry`; its outputs are as wide as its inputs.

    Raises:
      ValueError: if `state_size` is not positive, or the steps are not
        0 < min_dt < max_dt; if inputs are not as wide as those of `init`.

    Example:
      >>> cell = s4d(4)
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> carry.real.shape, outputs.shape
      ((3, 4), (3,))
    """
    check_positive(state_size=state_size)
    if not 0 < min_dt < max_dt:
        raise ValueError(
            f"min_dt and max_dt must be 0 < min_dt < max_dt, got {min_dt} and {max_dt}."
        )

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        shape = (input_size, state_size)
        poles = poles_init(state_size)
        log_dt = jax.random.uniform(
            keys[0], (input_size,), minval=math.log(min_dt), maxval=math.log(max_dt)
        )
        params = {
            "log_dt": log_dt,
            "log_decay": jnp.broadcast_to(np.log(-np.real(poles)), shape),
            "frequency": jnp.broadcast_to(np.imag(poles), shape),
            "output_real": jax.random.normal(keys[1], shape) / math.sqrt(2),
            "output_imag": jax.random.normal(keys[2], shape) / math.sqrt(2),
            "skip": jax.random.normal(keys[3], (input_size,)),
        }
        return {name: x.astype(dtype) for name, x in params.items()}

    def prepare(params):
        rest = dict(params)
        dtype = rest["skip"].dtype
        wide = jnp.promote_types(dtype, jnp.float32)  # of which there is a complex
        log_decay, frequency, log_dt = (
            rest.pop(name).astype(wide) for name in ("log_decay", "frequency", "log_dt")
        )
        a = jax.lax.complex(-jnp.exp(log_decay), frequency)
        decay, scale = discretization(a, jnp.exp(log_dt)[:, None])
        made = {
            "decay_real": decay.real,
            "decay_imag": decay.imag,
            "scale_real": scale.real,
            "scale_imag": scale.imag,
        }
        return rest | {name: x.astype(dtype) for name, x in made.items()}

    def initial_carry(params, batch_shape=()):
        like = params["output_real"]
        shape = (*batch_shape, *like.shape)
        return ComplexCarry(jnp.zeros(shape, like.dtype), jnp.zeros(shape, like.dtype))

    # as a step alone: there is no product to take out of the loop, and what an engine
    # keeps of the factors is state_size times as large as the inputs
    return Cell(init, initial_carry, factored_step(_factors()), prepare=prepare)


@cached
def _factors():
    def project(params, inputs):
        size = params["skip"].size
        if inputs.shape[-1] != size:
            raise ValueError(
                f"inputs must have a last axis of {size}, got shape {inputs.shape}."
            )
        x = inputs.astype(params["skip"].dtype)[..., None]
        return ComplexCarry(params["scale_real"] * x, params["scale_imag"] * x)

    def recur(params, carry):
        a, b = params["decay_real"], params["decay_imag"]
        return ComplexCarry(
            a * carry.real - b * carry.imag, a * carry.imag + b * carry.real
        )

    def update(params, carry, pre):
        del params, carry
        return pre

    def readout(params, carry, inputs):
        shown = params["output_real"] * carry.real - params["output_imag"] * carry.imag
        x = inputs.astype(params["skip"].dtype)
        return 2 * shown.sum(-1) + params["skip"] * x

    return Factors(project, recur, update, readout)

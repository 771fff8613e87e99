"""Diagonal state space models: one discretized linear system per feature."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from rnnjax.base import Array, Cell, Params, cached, check_positive
from rnnjax.cells.parts.complex_carry import ComplexCarry, decayed
from rnnjax.cells.parts.poles import Poles, s4d_lin

Discretization = Callable[[Array, Array], tuple[Array, Array]]


def zero_order_hold(a: Array, dt: Array) -> tuple[Array, Array]:
    """Solves h' = a h + x exactly for an input that is constant during each step.

        Ā = exp(a Δ),  B̄ = (exp(a Δ) - 1) / a

    Args:
      a: complex, its real part negative.
      dt: Δ, positive.

    Returns:
      Ā and B̄, complex.

    Example: in a time of log 2, half the distance to x is covered.
      >>> [round(float(x), 5) for x in zero_order_hold(jnp.array(-1.0), jnp.log(2.0))]
      [0.5, 0.5]
    """
    # expm1, because exp(a Δ) - 1 is accurate to only four digits in float32 near 0
    return jnp.exp(a * dt), jnp.expm1(a * dt) / a


def bilinear(a: Array, dt: Array) -> tuple[Array, Array]:
    """Solves h' = a h + x by the trapezoidal rule (Tustin's method).

        Ā = (1 + a Δ / 2) / (1 - a Δ / 2),  B̄ = Δ / (1 - a Δ / 2)

    Arguments and results are those of `zero_order_hold`.

    Example:
      >>> bilinear(-1.0, 2.0)
      (0.0, 1.0)
    """
    denominator = 1 - a * dt / 2
    return (1 + a * dt / 2) / denominator, dt / denominator


def s4d_step(
    params: Params, carry: ComplexCarry, inputs: Array
) -> tuple[ComplexCarry, Array]:
    """Computes one step of a diagonal state space model for each input feature.

        hₜ = Ā ∘ hₜ₋₁ + B̄ xₜ
        oₜ = 2 Re(C · hₜ) + d xₜ

    h, Ā, B̄ and C are complex, n numbers per feature, each one of a conjugate pair.

    Args:
      params: as the cell's `prepare` computes them from A = -exp(log_decay) + i
        frequency and Δ = exp(log_dt), a dict of `decay_real`, `decay_imag` Ā,
        `scale_real`, `scale_imag` B̄ and `output_real`, `output_imag` C, `[input_size,
        state_size]` each, and `skip` d `[input_size]`.
      carry: hₜ₋₁, `[..., input_size, state_size]` each.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ, and the outputs oₜ `[..., input_size]`.

    Raises:
      ValueError: if the inputs are not as wide as d.

    References:
      Gu, Gupta, Goel and Ré, "On the Parameterization and Initialization of Diagonal
      State Space Models", NeurIPS 2022, sections 3 and 4; B is 1, merged into C.
    """
    size, dtype = params["skip"].size, params["skip"].dtype
    if inputs.shape[-1] != size:
        raise ValueError(
            f"inputs must have a last axis of {size}, got shape {inputs.shape}."
        )
    x, kept = inputs.astype(dtype), decayed(params, carry)
    h = ComplexCarry(
        params["scale_real"] * x[..., None] + kept.real,
        params["scale_imag"] * x[..., None] + kept.imag,
    )
    products = params["output_real"] * h.real - params["output_imag"] * h.imag
    return h, 2 * products.sum(-1) + params["skip"] * x


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
    """Makes a diagonal state space model; see `s4d_step` for the equations.

    Initially all features have the same A, and log Δ is drawn uniformly.

    Args:
      state_size: n, number of complex numbers per feature.
      discretization: `zero_order_hold` or `bilinear`.
      poles_init: returns the initial A `[state_size]`, complex: `s4d_lin`, `s4d_inv`,
        `s4d_real` of `rnnjax.cells.parts.poles`, or another function of n.
      min_dt: smallest initial Δ; memory lasts for about 1/Δ steps.
      max_dt: largest initial Δ.
      dtype: dtype of the parameters, hence of the carry and the outputs.

    Returns:
      The cell, over `ComplexCarry`; its outputs are as wide as its inputs.

    Raises:
      ValueError: if the steps are not 0 < min_dt < max_dt; in `step`, if the inputs are
        not as wide as those of `init`.

    Example: the output of a feature depends on that feature alone.
      >>> cell = s4d(4)
      >>> params = cell.init(jax.random.key(0), 2)
      >>> def last(inputs):
      ...     return rnnjax.unroll(cell, params, inputs)[1][-1]
      >>> jax.jacobian(last)(jnp.ones((5, 2))).any(axis=1)  # [output, input]
      Array([[ True, False],
             [False,  True]], dtype=bool)
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
        wide = jnp.promote_types(dtype, jnp.float32)  # complex dtypes start there
        names = "log_decay", "frequency", "log_dt"
        log_decay, frequency, log_dt = (rest.pop(name).astype(wide) for name in names)
        a = jax.lax.complex(-jnp.exp(log_decay), frequency)
        decay, scale = discretization(a, jnp.exp(log_dt)[:, None])
        for name, x in (("decay", decay), ("scale", scale)):
            rest[f"{name}_real"] = x.real.astype(dtype)
            rest[f"{name}_imag"] = x.imag.astype(dtype)
        return rest

    def initial_carry(params, batch_shape=()):
        like = params["output_real"]
        shape = (*batch_shape, *like.shape)
        return ComplexCarry(jnp.zeros(shape, like.dtype), jnp.zeros(shape, like.dtype))

    # without factors: there is no product to compute outside the loop, and the drives
    # that an engine would keep are state_size times as large as the inputs
    return Cell(init, initial_carry, s4d_step, prepare=prepare)

"""Continuous-time networks by Euler's method: leaky integrators and CTRNN."""

from typing import Unpack

import jax
import jax.numpy as jnp

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.elman import elman
from rnnjax.cells.parts.gated import gated_factors
from rnnjax.cells.parts.weights import Weights, cell_maker
from rnnjax.initializers import uniform_logarithm


def leaky_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    leak: float = 0.5,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of leaky integrators.

        hₜ = (1 - a) hₜ₋₁ + a f(U xₜ + W hₜ₋₁ + b)

    Args:
      params: as of `elman_step`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      leak: a, the leaking rate.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Jaeger, Lukosevicius, Popovici and Siewert, "Optimization and Applications of Echo
      State Networks with Leaky-Integrator Neurons", Neural Networks 2007, equation 2,
      without noise and feedback.
    """
    return _factors(leak, as_activation(activation)).step(params, carry, inputs)


def ctrnn_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a continuous-time network by Euler's method.

        τ ∘ dh/dt = -h + f(U x + W h + b)
        hₜ = hₜ₋₁ + Δt / τ ∘ (f(U xₜ + W hₜ₋₁ + b) - hₜ₋₁)

    The arguments are those of `leaky_step`, with `rate` Δt / τ `[hidden_size]` among
    the parameters, as the cell's `prepare` returns them, instead of a leaking rate. The
    input is constant during a step.

    References:
      Funahashi and Nakamura, "Approximation of Dynamical Systems by Continuous Time
      Recurrent Neural Networks", Neural Networks 1993; with f around the sum, as is
      common in rate models, where they have W f(h).
    """
    return _factors(None, as_activation(activation)).step(params, carry, inputs)


@cell_maker
def leaky(
    hidden_size: int,
    *,
    leak: float = 0.5,
    activation: str | Activation = jnp.tanh,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a cell of leaky integrators; see `leaky_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      leak: a, above 0 and at most 1; with 1 the cell is `elman`.
      activation: f, or its name.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `leak` is not above 0 and at most 1.

    Example: without input and weights, h decays by 1 - a per step.
      >>> cell = leaky(1, leak=0.5)
      >>> params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))
      >>> carry = jnp.array([8.0])
      >>> rnnjax.unroll(cell, params, jnp.zeros((3, 1)), carry=carry)[1].ravel()
      Array([4., 2., 1.], dtype=float32)
    """
    if not 0 < leak <= 1:
        raise ValueError(f"leak must be above 0 and at most 1, got {leak}.")
    plain = elman(hidden_size, **weights)
    factors = _factors(leak, as_activation(activation), weights.get("compute_dtype"))
    return factored_cell(plain.init, plain.initial_carry, factors)


@cell_maker
def ctrnn(
    hidden_size: int,
    *,
    dt: float = 1.0,
    time_constants: tuple[float, float] = (2.0, 20.0),
    activation: str | Activation = jnp.tanh,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a cell of continuous-time units; see `ctrnn_step` for the equations.

    Each unit learns the logarithm of its time constant, which training may take below
    Δt: then a step overshoots, and below Δt / 2 it may diverge.

    Args:
      hidden_size: width of the carry and of the outputs.
      dt: Δt, the time between two steps, in any unit, such as seconds.
      time_constants: smallest and largest initial τ, in the same unit; they are drawn
        uniformly in the logarithm.
      activation: f, or its name.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`, and the logarithms of τ are
      the parameter `log_time_constant`.

    Raises:
      ValueError: if `dt` is not positive, or `time_constants` do not rise from `dt`.

    Example: in a time Δt = τ / 4, a quarter of the distance to the input is covered.
      >>> cell = ctrnn(1, dt=0.25, time_constants=(1.0, 1.0), activation="identity")
      >>> params = cell.init(jax.random.key(0), 1)
      >>> params |= {"kernel": jnp.eye(1), "recurrent_kernel": jnp.zeros((1, 1))}
      >>> rnnjax.unroll(cell, params, jnp.full((3, 1), 64.0))[1].ravel()
      Array([16., 28., 37.], dtype=float32)
    """
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}.")
    if not dt <= time_constants[0] <= time_constants[1]:
        raise ValueError(
            f"time_constants must rise from at least dt, {dt}, got {time_constants}."
        )
    plain = elman(hidden_size, **weights)

    def init(key, input_size):
        keys = jax.random.split(key)
        params = plain.init(keys[0], input_size)
        draw, dtype = uniform_logarithm(*time_constants), params["kernel"].dtype
        return params | {"log_time_constant": draw(keys[1], (hidden_size,), dtype)}

    def prepare(params):
        params = dict(params)
        return params | {"rate": dt * jnp.exp(-params.pop("log_time_constant"))}

    factors = _factors(None, as_activation(activation), weights.get("compute_dtype"))
    return factored_cell(init, plain.initial_carry, factors, prepare=prepare)


def _factors(leak, activation, compute_dtype=None):
    """A `leak` of None is the parameter `rate`."""

    def update(params, carry, pre):
        a = params["rate"] if leak is None else leak
        return (1 - a) * carry + a * activation(pre)

    return gated_factors(update, compute_dtype)

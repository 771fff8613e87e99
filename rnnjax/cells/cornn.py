"""The coupled oscillatory network: one driven, damped oscillator per unit."""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, factored_cell, serializable
from rnnjax.cells.parts.gated import gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import per_gate
from rnnjax.products import matmul


@serializable
class CoRNNCarry(NamedTuple):
    """The carry of a coupled oscillatory network.

    Attributes:
      y: `[..., hidden_size]`, positions of the oscillators, which are also the outputs.
      z: `[..., hidden_size]`, their velocities.
    """

    y: Array
    z: Array


def cornn_step(
    params: Params,
    carry: CoRNNCarry,
    inputs: Array,
    *,
    dt: float = 0.042,
    gamma: float = 2.7,
    damping: float = 4.7,
    activation: str | Activation = jnp.tanh,
) -> tuple[CoRNNCarry, Array]:
    """Computes one step of a coupled oscillatory network.

        zₜ = zₜ₋₁ + Δt (f(W yₜ₋₁ + 𝒲 zₜ₋₁ + V xₜ + b) - γ yₜ₋₁ - ε zₜ₋₁)
        yₜ = yₜ₋₁ + Δt zₜ

    which discretizes y'' = f(W y + 𝒲 y' + V x + b) - γ y - ε y'.

    Args:
      params: dict of `kernel` V `[input_size, hidden_size]`, `recurrent_kernel` W and
        `velocity_kernel` 𝒲 `[hidden_size, hidden_size]` and, optionally, `bias` b
        `[hidden_size]`.
      carry: yₜ₋₁ and zₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      dt: Δt, the step size, in the unit of time of γ and ε.
      gamma: γ, the square of the oscillators' natural frequency.
      damping: ε.
      activation: f, or its name.

    Returns:
      The carry of yₜ and zₜ, and the outputs yₜ `[..., hidden_size]`.

    References:
      Rusch and Mishra, "Coupled Oscillatory Recurrent Neural Network (coRNN): An
      Accurate and (Gradient) Stable Architecture for Learning Long Time Dependencies",
      ICLR 2021, equation 3, in the explicit form, where the damping reads zₜ₋₁.
    """
    factors = _factors(dt, gamma, damping, as_activation(activation))
    return factors.step(params, carry, inputs)


@cell_maker
def cornn(
    hidden_size: int,
    *,
    dt: float = 0.042,
    gamma: float = 2.7,
    damping: float = 4.7,
    activation: str | Activation = jnp.tanh,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a coupled oscillatory cell; see `cornn_step` for the equations.

    The defaults of Δt, γ and ε are the paper's for sequential MNIST.

    Args:
      hidden_size: number of oscillators, the width of y, of z and of the outputs.
      dt: Δt, the step size, in the unit of time of γ and ε.
      gamma: γ, the square of the oscillators' natural frequency.
      damping: ε.
      activation: f, or its name.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell, over `CoRNNCarry`.

    Raises:
      ValueError: if `dt` is not positive, or `gamma` or `damping` is negative.

    Example: without any force, the velocity is constant.
      >>> cell = cornn(1, dt=0.5, gamma=0.0, damping=0.0)
      >>> params = jax.tree.map(jnp.zeros_like, cell.init(jax.random.key(0), 1))
      >>> carry = CoRNNCarry(y=jnp.zeros(1), z=jnp.ones(1))
      >>> rnnjax.unroll(cell, params, jnp.ones((3, 1)), carry=carry)[1].ravel()
      Array([0.5, 1. , 1.5], dtype=float32)
    """
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}.")
    for name, rate in (("gamma", gamma), ("damping", damping)):
        if not rate >= 0:
            raise ValueError(f"{name} must not be negative, got {rate}.")
    plain = gated_init(hidden_size, "y", kernel_as_whole=True, **weights)
    options = WeightOptions(**weights)
    draw = per_gate(options.recurrent_kernel_init, 1)

    def init(key, input_size):
        keys = jax.random.split(key, 4)
        kernel = draw(keys[2], (hidden_size, hidden_size), options.dtype)
        return plain(key, input_size, bias_key=keys[3]) | {"velocity_kernel": kernel}

    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=CoRNNCarry)
    factors = _factors(
        dt, gamma, damping, as_activation(activation), options.compute_dtype
    )
    return factored_cell(init, initial_carry, factors)


def _factors(dt, gamma, damping, activation, compute_dtype=None):
    def recur(params, carry):
        of_positions = matmul(carry.y, params["recurrent_kernel"], compute_dtype)
        return of_positions + matmul(carry.z, params["velocity_kernel"], compute_dtype)

    def update(params, carry, pre):
        force = activation(pre) - gamma * carry.y - damping * carry.z
        z = carry.z + dt * force
        return CoRNNCarry(y=carry.y + dt * z, z=z)

    factors = gated_factors(update, compute_dtype, shown=lambda carry: carry.y)
    return factors._replace(recur=recur)

"""The coupled oscillatory network: driven, damped oscillators, one a unit."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export
from jax.nn import initializers

from rnnjax.activations import Activation, as_activation
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
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul


class CoRNNCarry(NamedTuple):
    """The carry of a coupled oscillatory network.

    Attributes:
      y: `[..., hidden_size]`, where the oscillators are; what the cell shows.
      z: `[..., hidden_size]`, their velocities.
    """

    y: Array
    z: Array


export.register_namedtuple_serialization(
    CoRNNCarry, serialized_name="rnnjax.CoRNNCarry"
)


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

    a step in time of y'' = f(W y + 𝒲 y' + V x + b) - γ y - ε y'.

    Args:
      params: dict of `kernel` Vᵀ `[input_size, hidden_size]`, `recurrent_kernel` Wᵀ and
        `velocity_kernel` 𝒲ᵀ `[hidden_size, hidden_size]` and, unless left out, `bias` b
        `[hidden_size]`.
      carry: yₜ₋₁ and zₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      dt: Δt, the length of a step; γ and ε are by the same unit of time.
      gamma: γ, the square of the oscillators' own frequency.
      damping: ε, the damping.
      activation: f, or its name.

    Returns:
      The carry of yₜ and zₜ, and the outputs yₜ `[..., hidden_size]`.

    References:
      Rusch and Mishra, "Coupled Oscillatory Recurrent Neural Network (coRNN): An
      Accurate and (Gradient) Stable Architecture for Learning Long Time Dependencies",
      ICLR 2021, equation 3, its explicit form, in which the damping reads zₜ₋₁.
    """
    factors = _factors(dt, gamma, damping, as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def cornn(
    hidden_size: int,
    *,
    dt: float = 0.042,
    gamma: float = 2.7,
    damping: float = 4.7,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a coupled oscillatory cell; see `cornn_step` for the equations.

    Args:
      hidden_size: number of oscillators, the width of y, of z and of the outputs.
      dt: Δt, the length of a step.
      gamma: γ, the square of the oscillators' own frequency.
      damping: ε, the damping. The defaults are the paper's for sequential MNIST.
      activation: f, or its name.
      use_bias: whether there is a bias.
      kernel_init: initializer of the input matrix.
      recurrent_kernel_init: initializer of each of the two recurrent matrices.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `CoRNNCarry`.

    Raises:
      ValueError: if `hidden_size` or `dt` is not positive, `gamma` or `damping` is
        negative, or `activation` is not known.

    Example:
      >>> cell = cornn(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.z.shape
      ((4,), (4,))
    """
    check_positive(hidden_size=hidden_size)
    if not dt > 0:
        raise ValueError(f"dt must be positive, got {dt}.")
    for name, rate in (("gamma", gamma), ("damping", damping)):
        if not rate >= 0:
            raise ValueError(f"{name} must not be negative, got {rate}.")

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        square = hidden_size, hidden_size
        recurrent_init = per_gate(recurrent_kernel_init, 1)
        params = {
            "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
            "recurrent_kernel": recurrent_init(keys[1], square, dtype),
            "velocity_kernel": recurrent_init(keys[2], square, dtype),
        }
        if use_bias:
            params["bias"] = bias_init(keys[3], (hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["kernel"].dtype
        return CoRNNCarry(y=jnp.zeros(shape, dtype), z=jnp.zeros(shape, dtype))

    factors = _factors(dt, gamma, damping, as_activation(activation), compute_dtype)
    return factored_cell(init, initial_carry, factors)


@cached
def _factors(dt, gamma, damping, activation, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        of_places = matmul(carry.y, params["recurrent_kernel"], compute_dtype)
        return of_places + matmul(carry.z, params["velocity_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params
        force = activation(pre) - gamma * carry.y - damping * carry.z
        z = carry.z + dt * force
        return CoRNNCarry(y=carry.y + dt * z, z=z)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.y

    return Factors(project, recur, update, readout)

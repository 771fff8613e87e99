"""Fast weights: a matrix that remembers the recent carries and calls them back."""

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
    factored_step,
)
from rnnjax.cells.parts.normalization import layer_norm
from rnnjax.initializers import Initializer, identity, per_gate
from rnnjax.products import matmul


class FastWeightsCarry(NamedTuple):
    """The carry of a network with fast weights.

    Attributes:
      A: `[..., hidden_size, hidden_size]`, the fast weights.
      h: `[..., hidden_size]`, what the cell shows.
    """

    A: Array
    h: Array


export.register_namedtuple_serialization(
    FastWeightsCarry, serialized_name="rnnjax.FastWeightsCarry"
)


def fast_weights_step(
    params: Params,
    carry: FastWeightsCarry,
    inputs: Array,
    *,
    num_inner_steps: int = 1,
    decay: float = 0.95,
    fast_rate: float = 0.5,
    epsilon: float = 1e-5,
    activation: str | Activation = jax.nn.relu,
) -> tuple[FastWeightsCarry, Array]:
    """Computes one step of a network with fast weights.

        pₜ = U xₜ + W hₜ₋₁
        s₀ = f(pₜ), and for i = 1 to S:  sᵢ = f(LN(pₜ + Aₜ₋₁ sᵢ₋₁; α) + b)
        hₜ = s_S
        Aₜ = λ Aₜ₋₁ + η hₜ hₜᵀ

    LN brings a vector to mean 0 and variance 1 and multiplies it by its gains α.

    Args:
      params: dict of `kernel` Uᵀ `[input_size, hidden_size]`, `recurrent_kernel` Wᵀ
        `[hidden_size, hidden_size]`, `scale` α `[hidden_size]` and, unless left out,
        `bias` b `[hidden_size]`.
      carry: Aₜ₋₁ and hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      num_inner_steps: S.
      decay: λ.
      fast_rate: η.
      epsilon: what is added to a variance.
      activation: f, or its name.

    Returns:
      The carry of Aₜ and hₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Ba, Hinton, Mnih, Leibo and Ionescu, "Using Fast Weights to Attend to the Recent
      Past", NIPS 2016, equations 1, 2 and 5. The fast weights are brought up to date at
      the end of a step, not at the beginning of the next: the outputs are the same.
    """
    rates = decay, fast_rate
    activation = as_activation(activation)
    factors = _factors(num_inner_steps, rates, epsilon, activation, None)
    return factored_step(factors)(params, carry, inputs)


@cached
def fast_weights(
    hidden_size: int,
    *,
    num_inner_steps: int = 1,
    decay: float = 0.95,
    fast_rate: float = 0.5,
    epsilon: float = 1e-5,
    activation: str | Activation = jax.nn.relu,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = identity(0.05),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a cell with fast weights; see `fast_weights_step` for the equations.

    Its carry takes hidden_size² numbers for each sequence, and engines that keep every
    carry for the gradient keep as much for each step.

    Args:
      hidden_size: width of h and of the outputs.
      num_inner_steps: S, how often the fast weights are asked in a step.
      decay: λ, what stays of the fast weights in a step, from 0 to 1.
      fast_rate: η, how much of a carry they take up; with 0 they stay as they are.
      epsilon: what is added to a variance.
      activation: f, or its name.
      use_bias: whether there is a bias after the normalization.
      kernel_init: initializer of the input matrix.
      recurrent_kernel_init: initializer of the slow recurrent matrix W: a small part
        of the identity, as ReLU networks start.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products with U and W, such as
        bfloat16; None: the parameters' own.

    Returns:
      The cell, over `FastWeightsCarry`.

    Raises:
      ValueError: if `hidden_size` or `num_inner_steps` is not positive, `decay` is not
        from 0 to 1, `fast_rate` or `epsilon` is negative, or `activation` is not known.

    Example:
      >>> cell = fast_weights(4, num_inner_steps=2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.A.shape
      ((4,), (4, 4))
    """
    check_positive(hidden_size=hidden_size, num_inner_steps=num_inner_steps)
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must be from 0 to 1, got {decay}.")
    for name, value in (("fast_rate", fast_rate), ("epsilon", epsilon)):
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value}.")

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        params = {
            "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 1)(
                keys[1], (hidden_size, hidden_size), dtype
            ),
            "scale": jnp.ones(hidden_size, dtype),
        }
        if use_bias:
            params["bias"] = bias_init(keys[2], (hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["kernel"].dtype
        return FastWeightsCarry(
            A=jnp.zeros((*shape, hidden_size), dtype), h=jnp.zeros(shape, dtype)
        )

    rates = decay, fast_rate
    activation = as_activation(activation)
    factors = _factors(num_inner_steps, rates, epsilon, activation, compute_dtype)
    # as a step alone: with A in every carry, what an engine keeps of the factors costs
    # more than a product taken out of the loop saves
    return Cell(init, initial_carry, factored_step(factors))


@cached
def _factors(num_inner_steps, rates, epsilon, activation, compute_dtype):
    decay, fast_rate = rates

    def project(params, inputs):
        return matmul(inputs, params["kernel"], compute_dtype)

    def recur(params, carry):
        return matmul(carry.h, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        s = activation(pre)
        for _ in range(num_inner_steps):
            called = (carry.A @ s[..., None])[..., 0]
            normed = layer_norm(pre + called, params["scale"], epsilon)
            s = activation(normed + params["bias"] if "bias" in params else normed)
        A = decay * carry.A + fast_rate * s[..., None] * s[..., None, :]
        return FastWeightsCarry(A=A, h=s)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)

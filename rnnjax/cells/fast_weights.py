"""Fast weights: a matrix that stores recent carries and retrieves them."""

from typing import NamedTuple, Unpack

import jax
import jax.numpy as jnp

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, check_positive, serializable
from rnnjax.cells.parts.gated import gated_init, zero_carry
from rnnjax.cells.parts.normalization import layer_norm
from rnnjax.cells.parts.weights import InputWeights, cell_maker
from rnnjax.initializers import Initializer, identity
from rnnjax.products import matmul


@serializable
class FastWeightsCarry(NamedTuple):
    """The carry of a network with fast weights.

    Attributes:
      A: `[..., hidden_size, hidden_size]`, the fast weights.
      h: `[..., hidden_size]`, the outputs.
    """

    A: Array
    h: Array


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

    LN is `rnnjax.cells.parts.normalization.layer_norm`.

    Args:
      params: dict of `kernel` U `[input_size, hidden_size]`, `recurrent_kernel` W
        `[hidden_size, hidden_size]`, `scale` α `[hidden_size]` and, optionally, `bias`
        b `[hidden_size]`.
      carry: Aₜ₋₁ and hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      num_inner_steps: S.
      decay: λ.
      fast_rate: η.
      epsilon: added to the variance.
      activation: f, or its name.

    Returns:
      The carry of Aₜ and hₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Ba, Hinton, Mnih, Leibo and Ionescu, "Using Fast Weights to Attend to the Recent
      Past", NIPS 2016, equations 1, 2 and 5. The fast weights are updated at the end of
      a step instead of the beginning of the next; the outputs are the same.
    """
    options = num_inner_steps, decay, fast_rate, epsilon, as_activation(activation)
    return _step(*options)(params, carry, inputs)


@cell_maker
def fast_weights(
    hidden_size: int,
    *,
    num_inner_steps: int = 1,
    decay: float = 0.95,
    fast_rate: float = 0.5,
    epsilon: float = 1e-5,
    activation: str | Activation = jax.nn.relu,
    recurrent_kernel_init: Initializer = identity(0.05),
    **weights: Unpack[InputWeights],
) -> Cell:
    """Makes a cell with fast weights; see `fast_weights_step` for the equations.

    The carry has hidden_size² numbers per sequence, and engines that store every carry
    for the gradient store as many per step.

    Args:
      hidden_size: width of h and of the outputs.
      num_inner_steps: S, how often the fast weights are applied per step.
      decay: λ, by which the fast weights are multiplied in each step, from 0 to 1.
      fast_rate: η, the rate at which carries are stored; with 0 nothing is.
      epsilon: added to the variance.
      activation: f, or its name.
      recurrent_kernel_init: initializer of the slow recurrent matrix W; a small
        multiple of the identity by default, as is common for ReLU networks.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell, over `FastWeightsCarry`.

    Raises:
      ValueError: if `decay` is not from 0 to 1, or `fast_rate` or `epsilon` negative.

    Example: the fast weights are a decaying sum of outer products of the outputs.
      >>> cell = fast_weights(4, decay=0.5, fast_rate=1.0)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, first = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> carry, second = cell.step(params, carry, -jnp.ones(3))
      >>> want = 0.5 * jnp.outer(first, first) + jnp.outer(second, second)
      >>> bool(jnp.allclose(carry.A, want))
      True
    """
    check_positive(num_inner_steps=num_inner_steps)
    if not 0 <= decay <= 1:
        raise ValueError(f"decay must be from 0 to 1, got {decay}.")
    for name, value in (("fast_rate", fast_rate), ("epsilon", epsilon)):
        if not value >= 0:
            raise ValueError(f"{name} must not be negative, got {value}.")
    plain = gated_init(
        hidden_size,
        "h",
        kernel_as_whole=True,
        recurrent_kernel_init=recurrent_kernel_init,
        **weights,
    )

    def init(key, input_size):
        params = plain(key, input_size)
        return params | {"scale": jnp.ones(hidden_size, params["kernel"].dtype)}

    shapes = (hidden_size, hidden_size), hidden_size
    initial_carry = zero_carry(*shapes, carry_type=FastWeightsCarry)
    options = num_inner_steps, decay, fast_rate, epsilon, as_activation(activation)
    # without factors: with A in every carry, storing them for the gradient costs more
    # than moving a product out of the loop saves
    return Cell(init, initial_carry, _step(*options, weights.get("compute_dtype")))


def _step(num_inner_steps, decay, fast_rate, epsilon, activation, compute_dtype=None):
    def step(params, carry, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        pre = drive + matmul(carry.h, params["recurrent_kernel"], compute_dtype)
        s = activation(pre)
        for _ in range(num_inner_steps):
            retrieved = (carry.A @ s[..., None])[..., 0]
            normed = layer_norm(pre + retrieved, params["scale"], epsilon)
            s = activation(normed + params["bias"] if "bias" in params else normed)
        A = decay * carry.A + fast_rate * s[..., None] * s[..., None, :]
        return FastWeightsCarry(A=A, h=s), s

    return step

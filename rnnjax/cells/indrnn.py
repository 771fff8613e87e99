"""The independently recurrent network."""

from typing import Unpack

import jax

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.gated import gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.weights import InputWeights, WeightOptions, cell_maker
from rnnjax.initializers import Initializer, symmetric_uniform


def indrnn_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jax.nn.relu,
) -> tuple[Array, Array]:
    """Computes one step of an independently recurrent network.

        hₜ = f(W xₜ + u ∘ hₜ₋₁ + b)

    Each unit reads only itself from the previous step, so its gradient through time is
    scaled by powers of one number.

    Args:
      params: dict of `kernel` W `[input_size, hidden_size]`, `recurrent_scale` u
        `[hidden_size]` and, optionally, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Li, Li, Cook, Zhu and Gao, "Independently Recurrent Neural Network (IndRNN)", CVPR
      2018, equation 4.
    """
    return _factors(as_activation(activation)).step(params, carry, inputs)


@cell_maker
def indrnn(
    hidden_size: int,
    *,
    activation: str | Activation = jax.nn.relu,
    recurrent_scale_init: Initializer = symmetric_uniform(1.0),
    **weights: Unpack[InputWeights],
) -> Cell:
    """Makes an independently recurrent cell; see `indrnn_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      activation: f, or its name.
      recurrent_scale_init: initializer of u. For sequences of T steps the paper bounds
        |u| by 2^(1/T), so that gradients at most double over them: this is
        `symmetric_uniform(2 ** (1 / T))`. Training is not constrained here.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: with relu and positive inputs, ∂hₜ / ∂hₜ₋₁ is diag(u).
      >>> cell = indrnn(2)
      >>> u = jnp.array([0.5, 2.0])
      >>> params = {"kernel": jnp.ones((1, 2)), "recurrent_scale": u}
      >>> jax.jacobian(lambda h: cell.step(params, h, jnp.ones(1))[0])(jnp.ones(2))
      Array([[0.5, 0. ],
             [0. , 2. ]], dtype=float32)
    """
    plain = gated_init(hidden_size, "h", recurrent="", **weights)
    dtype = WeightOptions(**weights).dtype

    def init(key, input_size):
        keys = jax.random.split(key)
        scale = recurrent_scale_init(keys[1], (hidden_size,), dtype)
        return plain(keys[0], input_size) | {"recurrent_scale": scale}

    factors = _factors(as_activation(activation), weights.get("compute_dtype"))
    return factored_cell(init, zero_carry(hidden_size), factors)


def _factors(activation, compute_dtype=None):
    def recur(params, carry):
        return params["recurrent_scale"] * carry

    def update(params, carry, pre):
        return activation(pre)

    return gated_factors(update, compute_dtype)._replace(recur=recur)

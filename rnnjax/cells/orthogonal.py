"""Recurrent networks whose recurrent matrix stays orthogonal during training."""

from typing import Unpack

import jax
import jax.numpy as jnp

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.gated import driven, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.parametrizations import (
    Parametrization,
    exponential_map,
    orthogonal_matrix,
)
from rnnjax.cells.parts.weights import InputWeights, WeightOptions, cell_maker
from rnnjax.products import matmul


def modrelu(x: Array, bias: Array) -> Array:
    """Shifts the magnitude of numbers by the bias, but not below zero.

        modReLU(x) = sign(x) max(|x| + b, 0)

    Args:
      x: `[..., hidden_size]`.
      bias: b, `[hidden_size]`; with 0 this is the identity.

    Example:
      >>> modrelu(jnp.array([-3.0, -1.0, 1.0, 3.0]), -2.0)
      Array([-1.,  0.,  0.,  1.], dtype=float32)

    References:
      Helfrich, Willmott and Ye, "Orthogonal Recurrent Neural Networks with Scaled
      Cayley Transform", ICML 2018, equation 9: the real form of Arjovsky, Shah and
      Bengio, "Unitary Evolution Recurrent Neural Networks", ICML 2016.
    """
    # written so that the derivative at 0 is that of the identity where b = 0
    return jnp.where(jnp.abs(x) + bias >= 0, x + jnp.sign(x) * bias, 0)


def orthogonal_rnn_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation | None = None,
) -> tuple[Array, Array]:
    """Computes one step of a network with an orthogonal recurrent matrix.

        hₜ = modReLU(U xₜ + W hₜ₋₁; b),  or  hₜ = f(U xₜ + W hₜ₋₁ + b)

    Args:
      params: as the cell's `prepare` returns them, those of `elman_step`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name; None: modReLU.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Lezcano-Casado and Martinez-Rubio, "Cheap Orthogonal Constraints in Neural
      Networks", ICML 2019; Helfrich, Willmott and Ye, "Orthogonal Recurrent Neural
      Networks with Scaled Cayley Transform", ICML 2018.
    """
    return _factors(activation).step(params, carry, inputs)


@cell_maker
def orthogonal_rnn(
    hidden_size: int,
    *,
    parametrization: Parametrization = exponential_map(),
    activation: str | Activation | None = None,
    **weights: Unpack[InputWeights],
) -> Cell:
    """Makes a cell with an orthogonal recurrent matrix; see `orthogonal_rnn_step`.

    `prepare` computes the matrix from unconstrained weights once per unroll, so any
    optimizer can train them. In float32 it stays orthogonal to 1e-6 even if the weights
    grow large, in bfloat16 to its two or three digits.

    Args:
      hidden_size: width of the carry and of the outputs.
      parametrization: maps the weights to W: `exponential_map()`,
        `cayley_transform(...)` or `householder_product(...)`.
      activation: f, or its name; None: modReLU.
      **weights: options of the parameters, see `Weights`. Without a bias, modReLU is
        the identity.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`, and the weights of W are
      the parameter `recurrent_weights`.

    Example: without input and bias, the norm of the carry is kept.
      >>> cell = orthogonal_rnn(2, use_bias=False)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> inputs, carry = jnp.zeros((100, 3)), jnp.array([3.0, 4.0])
      >>> h, _ = rnnjax.unroll(cell, params, inputs, carry=carry)
      >>> jnp.linalg.norm(h).round(4)
      Array(5., dtype=float32)
    """
    factors = _factors(activation, weights.get("compute_dtype"))
    dtype = WeightOptions(**weights).dtype
    plain = gated_init(hidden_size, "h", recurrent="", kernel_as_whole=True, **weights)

    def init(key, input_size):
        own_key = jax.random.split(key, 3)[1]
        own = parametrization.init(own_key, hidden_size, dtype)
        return plain(key, input_size) | {"recurrent_weights": own}

    def prepare(params):
        params = dict(params)
        weights = params.pop("recurrent_weights")
        W = orthogonal_matrix(parametrization, weights, hidden_size)
        return params | {"recurrent_kernel": W.T}

    return factored_cell(init, zero_carry(hidden_size), factors, prepare=prepare)


def _factors(activation, compute_dtype=None):
    f = None if activation is None else as_activation(activation)

    def project(params, inputs):
        if f is None:  # the bias is that of modReLU
            return matmul(inputs, params["kernel"], compute_dtype)
        return driven(params, inputs, compute_dtype)

    def update(params, carry, pre):
        if f is not None:
            return f(pre)
        return modrelu(pre, params["bias"]) if "bias" in params else pre

    return gated_factors(update, compute_dtype)._replace(project=project)

"""Recurrent networks whose recurrent matrix stays orthogonal while it is trained."""

import jax
import jax.numpy as jnp
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
from rnnjax.cells.parts.parametrizations import (
    Parametrization,
    exponential_map,
    orthogonal_matrix,
)
from rnnjax.initializers import Initializer
from rnnjax.products import matmul


def modrelu(x: Array, bias: Array) -> Array:
    """Moves numbers away from zero by the bias, or towards it and no further.

        modReLU(x) = sign(x) max(|x| + b, 0)

    Args:
      x: `[..., hidden_size]`.
      bias: b, `[hidden_size]`; with 0 this is the identity.

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
      params: dict of `kernel` Uᵀ `[input_size, hidden_size]`, `recurrent_kernel` Wᵀ
        `[hidden_size, hidden_size]` and, unless left out, `bias` b `[hidden_size]`:
        as the cell's `prepare` returns them.
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
    factors = _factors(_as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def orthogonal_rnn(
    hidden_size: int,
    *,
    parametrization: Parametrization = exponential_map(),
    activation: str | Activation | None = None,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a cell with an orthogonal recurrent matrix; see `orthogonal_rnn_step`.

    The matrix is made of free weights once an unroll, by `prepare`, so any optimizer
    may move them as it likes. In float32 it stays orthogonal to 1e-6 even where the
    weights have grown large; in bfloat16, to the two or three digits there are.

    Args:
      hidden_size: width of the carry and of the outputs.
      parametrization: how W is made of the weights: `exponential_map()`,
        `cayley_transform(...)` or `householder_product(...)`.
      activation: f, or its name; None: modReLU.
      use_bias: whether there is a bias, without which modReLU is the identity.
      kernel_init: initializer of the input matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`, and the weights of W are
      the parameter `recurrent_weights`.

    Raises:
      ValueError: if `hidden_size` is not positive, or `activation` is not known.

    Example:
      >>> cell = orthogonal_rnn(4)
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> W = params["recurrent_kernel"]
      >>> bool(jnp.allclose(W.T @ W, jnp.eye(4), atol=1e-6))
      True
    """
    check_positive(hidden_size=hidden_size)
    activation = _as_activation(activation)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        params = {
            "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
            "recurrent_weights": parametrization.init(keys[1], hidden_size, dtype),
        }
        if use_bias:
            params["bias"] = bias_init(keys[2], (hidden_size,), dtype)
        return params

    def prepare(params):
        params = dict(params)
        weights = params.pop("recurrent_weights")
        W = orthogonal_matrix(parametrization, weights, hidden_size)
        return params | {"recurrent_kernel": W.T}

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype)

    factors = _factors(activation, compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=prepare)


def _as_activation(activation):
    return None if activation is None else as_activation(activation)


@cached
def _factors(activation, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        shifted = activation is not None and "bias" in params
        return drive + params["bias"] if shifted else drive

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del carry
        if activation is not None:
            return activation(pre)
        return modrelu(pre, params["bias"]) if "bias" in params else pre

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)

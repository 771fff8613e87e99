"""The simple recurrent network of Elman, with any activation."""

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
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul


def elman_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a simple recurrent network.

        hₜ = f(U xₜ + W hₜ₋₁ + b)

    Args:
      params: dict of `kernel` U `[input_size, hidden_size]`, `recurrent_kernel` W
        `[hidden_size, hidden_size]` and, unless left out, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Elman, "Finding Structure in Time", Cognitive Science 1990; f is the logistic
      function there, tanh here as is common since.
    """
    return factored_step(_factors(as_activation(activation), None))(
        params, carry, inputs
    )


@cached
def elman(
    hidden_size: int,
    *,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a simple recurrent cell; see `elman_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      activation: f, such as `jnp.tanh`, or its name, such as "relu".
      use_bias: whether there is a bias.
      kernel_init: initializer of the input matrix.
      recurrent_kernel_init: initializer of the recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive, or `activation` is not known.

    Example:
      >>> cell = elman(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size)
    activation = as_activation(activation)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        params = {
            "kernel": kernel_init(keys[0], (input_size, hidden_size), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 1)(
                keys[1], (hidden_size, hidden_size), dtype
            ),
        }
        if use_bias:
            params["bias"] = bias_init(keys[2], (hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["recurrent_kernel"].dtype
        return jnp.zeros((*batch_shape, hidden_size), dtype)

    return factored_cell(init, initial_carry, _factors(activation, compute_dtype))


@cached
def _factors(activation, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params, carry
        return activation(pre)

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)

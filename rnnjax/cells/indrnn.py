"""The independently recurrent network."""

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
    factored_cell,
    factored_step,
)
from rnnjax.cells.parts.gated import carry_as_output, driven, gated_init, zero_carry
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

    Each unit sees of the past itself alone, so its gradient goes back by powers of one
    number.

    Args:
      params: dict of `kernel` Wᵀ `[input_size, hidden_size]`, `recurrent_scale` u
        `[hidden_size]` and, unless left out, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Li, Li, Cook, Zhu and Gao, "Independently Recurrent Neural Network (IndRNN)", CVPR
      2018, equation 4.
    """
    return factored_step(_factors(as_activation(activation), None))(
        params, carry, inputs
    )


@cached
def indrnn(
    hidden_size: int,
    *,
    activation: str | Activation = jax.nn.relu,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_scale_init: Initializer = symmetric_uniform(1.0),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes an independently recurrent cell; see `indrnn_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      activation: f, or its name.
      use_bias: whether there is a bias.
      kernel_init: initializer of the input matrix.
      recurrent_scale_init: initializer of u. For sequences of T steps the paper bounds
        |u| by 2^(1/T), so that T steps back a gradient has at most doubled: that is
        `symmetric_uniform(2 ** (1 / T))`. In training nothing bounds it here.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive, or `activation` is not known.

    Example:
      >>> cell = indrnn(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    plain = gated_init(
        hidden_size,
        "h",
        recurrent="",
        use_bias=use_bias,
        kernel_init=kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )

    def init(key, input_size):
        keys = jax.random.split(key)
        scale = recurrent_scale_init(keys[1], (hidden_size,), dtype)
        return plain(keys[0], input_size) | {"recurrent_scale": scale}

    factors = _factors(as_activation(activation), compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors)


@cached
def _factors(activation, compute_dtype):
    def project(params, inputs):
        return driven(params, inputs, compute_dtype)

    def recur(params, carry):
        return params["recurrent_scale"] * carry

    def update(params, carry, pre):
        del params, carry
        return activation(pre)

    return Factors(project, recur, update, carry_as_output)

"""The simple recurrent network of Elman, with any activation."""

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, cached, factored_cell
from rnnjax.cells.parts.gated import gated_factors, gated_init, zero_carry
from rnnjax.initializers import Initializer


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
        `[hidden_size, hidden_size]` and, optionally, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Elman, "Finding Structure in Time", Cognitive Science 1990; f is the logistic
      function there, tanh here as is common since.
    """
    return _factors(as_activation(activation)).step(params, carry, inputs)


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
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example:
      >>> cell = elman(4, use_bias=False)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> x, h = jnp.ones(3), jnp.arange(4.0)
      >>> new_h, _ = cell.step(params, h, x)
      >>> want = jnp.tanh(x @ params["kernel"] + h @ params["recurrent_kernel"])
      >>> bool(jnp.allclose(new_h, want))
      True
    """
    init = gated_init(
        hidden_size,
        "h",
        kernel_as_whole=True,
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    factors = _factors(as_activation(activation), compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors)


@cached  # cells of equal equations share them: `to_onnx` compares
def _factors(activation, compute_dtype=None):
    def update(params, carry, pre):
        return activation(pre)

    return gated_factors(update, compute_dtype)

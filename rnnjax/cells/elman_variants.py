"""Other simple recurrent networks: identity start, the lectures' other forms."""

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
from rnnjax.cells.elman import elman
from rnnjax.initializers import Initializer, identity, per_gate
from rnnjax.products import matmul

_nearly_zero = initializers.normal(0.001)


@cached
def irnn(hidden_size: int, *, scale: float = 1.0, **options) -> Cell:
    """Makes a ReLU network whose recurrent matrix starts as the identity.

    `elman` with `activation="relu"`; its step is `elman_step`.

    Args:
      hidden_size: width of the carry and of the outputs.
      scale: the number on the diagonal; the paper's iRNN has 1, 0.01 for speech.
      **options: others of `elman`; `kernel_init` draws with the paper's standard
        deviation of 0.001 unless given.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> irnn(2).init(jax.random.key(0), 3)["recurrent_kernel"]
      Array([[1., 0.],
             [0., 1.]], dtype=float32)

    References:
      Le, Jaitly and Hinton, "A Simple Way to Initialize Recurrent Networks of Rectified
      Linear Units", 2015.
    """
    published = {
        "activation": "relu",
        "kernel_init": _nearly_zero,
        "recurrent_kernel_init": identity(scale),
    }
    return elman(hidden_size, **(published | options))


def elman_before_activation_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a simple recurrent network that carries what f is given.

        cₜ = W f(cₜ₋₁) + U xₜ + b
        oₜ = f(cₜ)

    With c = U x + W h' + b this is `elman_step`, carried before the nonlinearity.

    Args:
      params: as of `elman_step`.
      carry: `[..., hidden_size]`, cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      cₜ and oₜ, `[..., hidden_size]` each.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, equation 2, which shows c as the output.
    """
    factors = _before_activation(as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def elman_before_activation(
    hidden_size: int,
    *,
    activation: str | Activation = jnp.tanh,
    compute_dtype: jax.typing.DTypeLike | None = None,
    **options,
) -> Cell:
    """Makes the cell of `elman_before_activation_step`.

    Args:
      hidden_size: width of the carry and of the outputs.
      activation: f, or its name.
      compute_dtype: see `elman`.
      **options: others of `elman`, which makes the parameters.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive, or `activation` is not known.

    Example:
      >>> cell = elman_before_activation(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> jnp.array_equal(outputs, jnp.tanh(carry))
      Array(True, dtype=bool)
    """
    like = elman(hidden_size, **options)
    factors = _before_activation(as_activation(activation), compute_dtype)
    return factored_cell(like.init, like.initial_carry, factors)


@cached
def _before_activation(activation, compute_dtype):
    """The matrix waits for the nonlinearity, so it stays in `update`."""
    plain = elman(1, compute_dtype=compute_dtype).factors
    assert plain is not None

    def recur(params, carry):
        del params, carry
        return None

    def update(params, carry, pre):
        return pre + plain.recur(params, activation(carry))

    def readout(params, carry, inputs):
        del params, inputs
        return activation(carry)

    return Factors(plain.project, recur, update, readout)


def elman_with_output_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
) -> tuple[Array, Array]:
    """Computes one step with an output layer and a short-cut from input to output.

        hₜ = f(U xₜ + W hₜ₋₁ + b)
        oₜ = g(C hₜ + D xₜ + e)

    Args:
      params: those of `elman_step`, `output_kernel` Cᵀ `[hidden_size, output_size]`,
        `skip_kernel` Dᵀ `[input_size, output_size]` and, unless left out,
        `output_bias` e `[output_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.
      output_activation: g, or its name.

    Returns:
      hₜ `[..., hidden_size]` and oₜ `[..., output_size]`.

    References:
      Elman, "Finding Structure in Time", Cognitive Science 1990, for h; the short-cut
      as in Graves, "Generating Sequences With Recurrent Neural Networks", 2013,
      section 2.
    """
    f, g = as_activation(activation), as_activation(output_activation)
    return factored_step(_with_output(f, g, None))(params, carry, inputs)


@cached
def elman_with_output(
    hidden_size: int,
    output_size: int,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    compute_dtype: jax.typing.DTypeLike | None = None,
    dtype: jax.typing.DTypeLike = jnp.float32,
    **options,
) -> Cell:
    """Makes the cell of `elman_with_output_step`.

    Args:
      hidden_size: width of the carry.
      output_size: width of the outputs.
      activation: f, or its name.
      output_activation: g, or its name.
      use_bias: whether there are biases b and e.
      kernel_init: initializer of U, C and D.
      compute_dtype: see `elman`.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      **options: others of `elman`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if a size is not positive, or an activation is not known.

    Example:
      >>> cell = elman_with_output(4, 2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (2,)
    """
    check_positive(output_size=output_size)
    like = elman(
        hidden_size,
        use_bias=use_bias,
        kernel_init=kernel_init,
        dtype=dtype,
        **options,
    )

    def init(key, input_size):
        keys = jax.random.split(key, 3)
        sizes = {"output_kernel": hidden_size, "skip_kernel": input_size}
        params = like.init(keys[0], input_size)
        for own, (name, size) in zip(keys[1:], sizes.items()):
            params[name] = per_gate(kernel_init, 1)(own, (size, output_size), dtype)
        if use_bias:
            params["output_bias"] = jnp.zeros(output_size, dtype)
        return params

    f, g = as_activation(activation), as_activation(output_activation)
    return factored_cell(init, like.initial_carry, _with_output(f, g, compute_dtype))


@cached
def _with_output(activation, output_activation, compute_dtype):
    plain = elman(1, activation=activation, compute_dtype=compute_dtype).factors
    assert plain is not None

    def readout(params, carry, inputs):
        outputs = matmul(carry, params["output_kernel"], compute_dtype)
        outputs = outputs + matmul(inputs, params["skip_kernel"], compute_dtype)
        if "output_bias" in params:
            outputs = outputs + params["output_bias"]
        return output_activation(outputs)

    return plain._replace(readout=readout)

"""Variants of the simple recurrent network: IRNN and other forms of the equation."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, cached, check_positive, factored_cell
from rnnjax.cells.elman import elman
from rnnjax.cells.parts.gated import gated_factors
from rnnjax.cells.parts.weights import WeightOptions, Weights, cell_maker
from rnnjax.initializers import identity, per_gate
from rnnjax.products import matmul

_nearly_zero = initializers.normal(0.001)


@cached
def irnn(hidden_size: int, *, scale: float = 1.0, **options) -> Cell:
    """Makes a ReLU network whose recurrent matrix is initialized to the identity.

    It is `elman` with `activation="relu"`; its step is `elman_step`.

    Args:
      hidden_size: width of the carry and of the outputs.
      scale: the diagonal of the initial matrix: 1 in the paper, 0.01 for speech.
      **options: other options of `elman`; the default of `kernel_init` has the paper's
        standard deviation of 0.001.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: initially it accumulates non-negative inputs.
      >>> cell = irnn(1)
      >>> params = cell.init(jax.random.key(0), 1) | {"kernel": jnp.eye(1)}
      >>> rnnjax.unroll(cell, params, jnp.ones((3, 1)))[1].ravel()
      Array([1., 2., 3.], dtype=float32)

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
    """Computes one step of a simple recurrent network that carries pre-activations.

        cₜ = W f(cₜ₋₁) + U xₜ + b
        oₜ = f(cₜ)

    The outputs are those of `elman_step` if the carry of that is f(c).

    The arguments are those of `elman_step`, with cₜ₋₁ as the carry.

    Returns:
      cₜ and oₜ, `[..., hidden_size]` each.

    References:
      Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural
      networks", ICML 2013, equation 2, where c is the output.
    """
    factors = _factors_before_activation(as_activation(activation))
    return factors.step(params, carry, inputs)


@cell_maker
def elman_before_activation(
    hidden_size: int,
    *,
    activation: str | Activation = jnp.tanh,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes the cell of `elman_before_activation_step`.

    Args:
      hidden_size: width of the carry and of the outputs.
      activation: f, or its name.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: its outputs are those of `elman`.
      >>> cell, inputs = elman_before_activation(4), jnp.ones((7, 3))
      >>> params = cell.init(jax.random.key(0), 3)
      >>> want = rnnjax.unroll(rnnjax.elman(4), params, inputs)[1]
      >>> bool(jnp.allclose(rnnjax.unroll(cell, params, inputs)[1], want))
      True
    """
    plain = elman(hidden_size, **weights)
    factors = _factors_before_activation(
        as_activation(activation), weights.get("compute_dtype")
    )
    return factored_cell(plain.init, plain.initial_carry, factors)


def _factors_before_activation(activation, compute_dtype=None):
    def recur(params, carry):
        return None  # f comes before W, which therefore belongs to `update`

    def update(params, carry, pre):
        h = activation(carry)
        return pre + matmul(h, params["recurrent_kernel"], compute_dtype)

    factors = gated_factors(update, compute_dtype, shown=activation)
    return factors._replace(recur=recur)


def elman_with_output_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
) -> tuple[Array, Array]:
    """Computes one step with an output layer and a skip connection from the input.

        hₜ = f(U xₜ + W hₜ₋₁ + b)
        oₜ = g(C hₜ + D xₜ + e)

    Args:
      params: those of `elman_step`, `output_kernel` C `[hidden_size, output_size]`,
        `skip_kernel` D `[input_size, output_size]` and, optionally, `output_bias` e
        `[output_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.
      output_activation: g, or its name.

    Returns:
      hₜ `[..., hidden_size]` and oₜ `[..., output_size]`.

    References:
      Elman, "Finding Structure in Time", Cognitive Science 1990, for h; the skip
      connection as in Graves, "Generating Sequences With Recurrent Neural Networks",
      2013, section 2.
    """
    f, g = as_activation(activation), as_activation(output_activation)
    return _factors_with_output(f, g).step(params, carry, inputs)


@cell_maker
def elman_with_output(
    hidden_size: int,
    output_size: int,
    *,
    activation: str | Activation = jnp.tanh,
    output_activation: str | Activation = "identity",
    **weights: Unpack[Weights],
) -> Cell:
    """Makes the cell of `elman_with_output_step`.

    Args:
      hidden_size: width of the carry.
      output_size: width of the outputs.
      activation: f, or its name.
      output_activation: g, or its name.
      **weights: options of the parameters, see `Weights`: `kernel_init` draws U, C and
        D, `bias_init` b and e.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example:
      >>> cell = elman_with_output(4, 2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> x = jnp.ones(3)
      >>> h, outputs = cell.step(params, jnp.arange(4.0), x)
      >>> want = h @ params["output_kernel"] + x @ params["skip_kernel"]
      >>> bool(jnp.allclose(outputs, want))
      True
    """
    check_positive(output_size=output_size)
    plain = elman(hidden_size, **weights)
    options = WeightOptions(**weights)
    draw = per_gate(options.kernel_init, 1)

    def init(key, input_size):
        keys = jax.random.split(key, 3)
        params = plain.init(keys[0], input_size) | {
            "output_kernel": draw(keys[1], (hidden_size, output_size), options.dtype),
            "skip_kernel": draw(keys[2], (input_size, output_size), options.dtype),
        }
        if options.use_bias:
            params["output_bias"] = options.bias_init(
                jax.random.fold_in(key, 3), (output_size,), options.dtype
            )
        return params

    f, g = as_activation(activation), as_activation(output_activation)
    factors = _factors_with_output(f, g, options.compute_dtype)
    return factored_cell(init, plain.initial_carry, factors)


def _factors_with_output(activation, output_activation, compute_dtype=None):
    def update(params, carry, pre):
        return activation(pre)

    def readout(params, carry, inputs):
        outputs = matmul(carry, params["output_kernel"], compute_dtype)
        outputs = outputs + matmul(inputs, params["skip_kernel"], compute_dtype)
        if "output_bias" in params:
            outputs = outputs + params["output_bias"]
        return output_activation(outputs)

    return gated_factors(update, compute_dtype)._replace(readout=readout)

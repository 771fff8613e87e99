"""Networks in which the input chooses the recurrent matrix."""

from typing import Unpack

import jax
import jax.numpy as jnp
from jax.nn import initializers

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Factors, Params, check_positive, factored_cell
from rnnjax.cells.parts.gated import carry_as_output, driven, gated_init, zero_carry
from rnnjax.cells.parts.weights import BiasWeights, WeightOptions, Weights, cell_maker
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul


def multiplicative_rnn_step(
    params: Params, carry: Array, inputs: Array
) -> tuple[Array, Array]:
    """Computes one step of a multiplicative network.

        fₜ = (W_fx xₜ) ∘ (W_fh hₜ₋₁)
        hₜ = tanh(W_hf fₜ + W_hx xₜ + b)

    The recurrent matrix W_hf diag(W_fx xₜ) W_fh depends on the input.

    Args:
      params: dict of `kernel` W_hx `[input_size, hidden_size]`, `factor_kernel` W_fx
        `[input_size, factor_size]`, `recurrent_kernel` W_fh
        `[hidden_size, factor_size]`, `candidate_kernel` W_hf
        `[factor_size, hidden_size]` and, optionally, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Sutskever, Martens and Hinton, "Generating Text with Recurrent Neural Networks",
      ICML 2011, equations 5 and 6.
    """
    return _multiplicative_factors().step(params, carry, inputs)


@cell_maker
def multiplicative_rnn(
    hidden_size: int,
    *,
    factor_size: int | None = None,
    **weights: Unpack[Weights],
) -> Cell:
    """Makes a multiplicative network; see `multiplicative_rnn_step`.

    Args:
      hidden_size: width of the carry and of the outputs.
      factor_size: width of f; None: `hidden_size`.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: an input of zeros erases what the carry holds.
      >>> cell = multiplicative_rnn(4, factor_size=5)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> cell.step(params, jnp.ones(4), jnp.zeros(3))[0]
      Array([0., 0., 0., 0.], dtype=float32)
    """
    size = hidden_size if factor_size is None else factor_size
    check_positive(factor_size=size)
    plain = gated_init(hidden_size, "h", recurrent="", **weights)
    options = WeightOptions(**weights)

    def init(key, input_size):
        keys, dtype = jax.random.split(key, 4), options.dtype
        draw = per_gate(options.kernel_init, 1)
        draw_recurrent = per_gate(options.recurrent_kernel_init, 1)
        return plain(keys[0], input_size) | {
            "factor_kernel": draw(keys[1], (input_size, size), dtype),
            "recurrent_kernel": draw_recurrent(keys[2], (hidden_size, size), dtype),
            "candidate_kernel": draw_recurrent(keys[3], (size, hidden_size), dtype),
        }

    factors = _multiplicative_factors(options.compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors)


def _multiplicative_factors(compute_dtype=None):
    """A pre-activation is (W_hx x + b, W_fx x, W_fh h)."""

    def project(params, inputs):
        factor = matmul(inputs, params["factor_kernel"], compute_dtype)
        return driven(params, inputs, compute_dtype), factor, None

    def recur(params, carry):
        return None, None, matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        drive, of_inputs, of_carry = pre
        factor = of_inputs * of_carry
        product = matmul(factor, params["candidate_kernel"], compute_dtype)
        return jnp.tanh(drive + product)

    return Factors(project, recur, update, carry_as_output)


def tensor_rnn_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    activation: str | Activation = jax.nn.sigmoid,
) -> tuple[Array, Array]:
    """Computes one step of a second-order network.

        hₜ[k] = f(Σᵢⱼ T[k, i, j] hₜ₋₁[i] xₜ[j] + b[k])

    Each one-hot input has a recurrent matrix of its own, as a symbol has in a finite
    automaton.

    Args:
      params: dict of `recurrent_kernel` T `[hidden_size, input_size, hidden_size]`,
        axes i, j, k, and, optionally, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    Raises:
      ValueError: if the inputs are not as wide as T.

    References:
      Giles et al., "Learning and Extracting Finite State Automata with Second-Order
      Recurrent Neural Networks", Neural Computation 1992, equation 1.
    """
    return _tensor_factors(as_activation(activation)).step(params, carry, inputs)


@cell_maker
def tensor_rnn(
    hidden_size: int,
    *,
    activation: str | Activation = jax.nn.sigmoid,
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    **weights: Unpack[BiasWeights],
) -> Cell:
    """Makes a second-order network; see `tensor_rnn_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      activation: f, or its name.
      recurrent_kernel_init: initializer of each input's matrix.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`. It starts as zeros, so the
      first input has no effect.

    Raises:
      ValueError: in `step`, if the inputs are not as wide as those of `init`.

    Example: an automaton that remembers whether the number of 1s was odd.
      >>> flip, stay = jnp.array([[0.0, 1.0], [1.0, 0.0]]), jnp.eye(2)
      >>> params = {"recurrent_kernel": jnp.stack([stay, flip], axis=1)}
      >>> cell = tensor_rnn(2, activation="identity", use_bias=False)
      >>> carry = jnp.array([1.0, 0.0])  # even
      >>> for symbol in (1, 0, 1, 1):
      ...     carry, _ = cell.step(params, carry, jax.nn.one_hot(symbol, 2))
      >>> carry
      Array([0., 1.], dtype=float32)
    """
    check_positive(hidden_size=hidden_size)
    options = WeightOptions(**weights)

    def draw(key):
        shape = (hidden_size, hidden_size)
        return per_gate(recurrent_kernel_init, 1)(key, shape, options.dtype)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key)
        # by vmap: there may be as many inputs as a vocabulary has words
        kernel = jax.vmap(draw, out_axes=1)(jax.random.split(keys[0], input_size))
        params = {"recurrent_kernel": kernel}
        if options.use_bias:
            bias = options.bias_init(keys[1], (hidden_size,), options.dtype)
            params["bias"] = bias
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["recurrent_kernel"].dtype
        return jnp.zeros((*batch_shape, hidden_size), dtype)

    factors = _tensor_factors(as_activation(activation), options.compute_dtype)
    return factored_cell(init, initial_carry, factors)


def _tensor_factors(activation, compute_dtype=None):
    """A pre-activation is (x, the products of h with the matrices of all inputs)."""

    def project(params, inputs):
        kernel = params["recurrent_kernel"]
        if inputs.shape[-1] != kernel.shape[1]:
            raise ValueError(
                f"inputs must have a last axis of {kernel.shape[1]}, "
                f"got shape {inputs.shape}."
            )
        return inputs.astype(kernel.dtype), None

    def recur(params, carry):
        kernel = params["recurrent_kernel"]
        flat = kernel.reshape(kernel.shape[0], -1)
        return None, matmul(carry, flat, compute_dtype)

    def update(params, carry, pre):
        inputs, products = pre
        products = products.reshape(*inputs.shape, carry.shape[-1])
        pre = (inputs[..., None] * products).sum(-2)
        return activation(pre + params["bias"] if "bias" in params else pre)

    return Factors(project, recur, update, carry_as_output)

"""The antisymmetric network: small steps of a differential equation that is stable."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import initializers, sigmoid

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
from rnnjax.cells.parts.parametrizations import skew_symmetric
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


def antisymmetric_rnn_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    step_size: float = 0.01,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of an antisymmetric network.

        hₜ = hₜ₋₁ + ε f(A hₜ₋₁ + V xₜ + b),  A = W - Wᵀ - γ I

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` Vᵀ `[input_size,
        hidden_size]`, `recurrent_kernel` Aᵀ `[hidden_size, hidden_size]` and, unless
        left out, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      step_size: ε, the step size of Euler's method.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Chang, Chen, Haber and Chi, "AntisymmetricRNN: A Dynamical System View on
      Recurrent Neural Networks", ICLR 2019, equation 12.
    """
    factors = _factors(step_size, False, as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


def gated_antisymmetric_rnn_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    step_size: float = 0.01,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of an antisymmetric network with an input gate.

        zₜ = σ(A hₜ₋₁ + V_z xₜ + b_z),  A = W - Wᵀ - γ I
        hₜ = hₜ₋₁ + ε zₜ ∘ f(A hₜ₋₁ + V_h xₜ + b_h)

    The gate and the candidate share one recurrent product; z stands before h.

    Args:
      params: as the cell's `prepare` returns them, a dict of `kernel` Vᵀ `[input_size,
        2 * hidden_size]`, `recurrent_kernel` Aᵀ `[hidden_size, hidden_size]` and,
        unless left out, `bias` b `[2 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      step_size: ε, the step size of Euler's method.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Chang, Chen, Haber and Chi, "AntisymmetricRNN: A Dynamical System View on
      Recurrent Neural Networks", ICLR 2019, equations 13 and 14.
    """
    factors = _factors(step_size, True, as_activation(activation), None)
    return factored_step(factors)(params, carry, inputs)


@cached
def antisymmetric_rnn(
    hidden_size: int,
    *,
    step_size: float = 0.01,
    gamma: float = 0.01,
    gated: bool = False,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.lecun_normal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes an antisymmetric cell; see `antisymmetric_rnn_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      step_size: ε, the step size of Euler's method.
      gamma: γ, the diffusion that keeps such long steps stable.
      gated: whether there is an input gate; see `gated_antisymmetric_rnn_step`.
      activation: f, or its name.
      use_bias: whether there is a bias.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of W, of which what stands above the diagonal
        is kept, as the parameter `recurrent_weights`.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` or `step_size` is not positive, `gamma` is negative,
        or `activation` is not known.

    Example:
      >>> cell = antisymmetric_rnn(4)
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size)
    if not step_size > 0:
        raise ValueError(f"step_size must be positive, got {step_size}.")
    if not gamma >= 0:
        raise ValueError(f"gamma must not be negative, got {gamma}.")
    num_gates = 2 if gated else 1

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        width = num_gates * hidden_size
        W = per_gate(recurrent_kernel_init, 1)(keys[1], (hidden_size,) * 2, dtype)
        params = {
            "kernel": per_gate(kernel_init, num_gates)(
                keys[0], (input_size, width), dtype
            ),
            "recurrent_weights": W[np.triu_indices(hidden_size, 1)],
        }
        if use_bias:
            params["bias"] = bias_init(keys[2], (width,), dtype)
        return params

    def prepare(params):
        params = dict(params)
        skew = skew_symmetric(params.pop("recurrent_weights"), hidden_size)
        A = skew - gamma * jnp.eye(hidden_size, dtype=skew.dtype)
        return params | {"recurrent_kernel": A.T}

    def initial_carry(params, batch_shape=()):
        return jnp.zeros((*batch_shape, hidden_size), params["kernel"].dtype)

    factors = _factors(step_size, gated, as_activation(activation), compute_dtype)
    return factored_cell(init, initial_carry, factors, prepare=prepare)


@cached
def _factors(step_size, gated, activation, compute_dtype):
    """A pre-activation is (z, h, pull): the gate's drive, the candidate's, A h."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        drive = drive + params["bias"] if "bias" in params else drive
        return (*split(drive, 2), None) if gated else drive

    def recur(params, carry):
        pull = matmul(carry, params["recurrent_kernel"], compute_dtype)
        return (None, None, pull) if gated else pull

    def update(params, carry, pre):
        del params
        if not gated:
            return carry + step_size * activation(pre)
        z, h, pull = pre
        return carry + step_size * sigmoid(z + pull) * activation(h + pull)

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)

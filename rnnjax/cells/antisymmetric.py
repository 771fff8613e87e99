"""The antisymmetric network: Euler steps of a stable differential equation."""

from typing import Unpack

import jax.numpy as jnp
import numpy as np
from jax.nn import initializers, sigmoid

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Params, factored_cell
from rnnjax.cells.parts.gated import driven, gated_factors, gated_init, zero_carry
from rnnjax.cells.parts.parametrizations import skew_symmetric
from rnnjax.cells.parts.weights import InputWeights, cell_maker
from rnnjax.initializers import Initializer
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
      params: as the cell's `prepare` returns them, a dict of `kernel` V `[input_size,
        hidden_size]`, `recurrent_kernel` A `[hidden_size, hidden_size]` and,
        optionally, `bias` b `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      step_size: ε.
      activation: f, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Chang, Chen, Haber and Chi, "AntisymmetricRNN: A Dynamical System View on
      Recurrent Neural Networks", ICLR 2019, equation 12.
    """
    return _factors(step_size, as_activation(activation)).step(params, carry, inputs)


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

    The gate and the candidate share one recurrent product. Arguments and results are
    those of `antisymmetric_rnn_step`, but for the gates z, h side by side in `kernel` V
    `[input_size, 2 * hidden_size]` and `bias` b `[2 * hidden_size]`.

    References:
      Chang, Chen, Haber and Chi, "AntisymmetricRNN: A Dynamical System View on
      Recurrent Neural Networks", ICLR 2019, equations 13 and 14.
    """
    factors = _gated_factors(step_size, as_activation(activation))
    return factors.step(params, carry, inputs)


@cell_maker
def antisymmetric_rnn(
    hidden_size: int,
    *,
    step_size: float = 0.01,
    gamma: float = 0.01,
    gated: bool = False,
    activation: str | Activation = jnp.tanh,
    recurrent_kernel_init: Initializer = initializers.lecun_normal(),
    **weights: Unpack[InputWeights],
) -> Cell:
    """Makes an antisymmetric cell; see `antisymmetric_rnn_step` for the equation.

    Args:
      hidden_size: width of the carry and of the outputs.
      step_size: ε, the step size of Euler's method.
      gamma: γ, the diffusion that keeps Euler's method stable.
      gated: whether there is an input gate; see `gated_antisymmetric_rnn_step`.
      activation: f, or its name.
      recurrent_kernel_init: initializer of W. The parameter `recurrent_weights` holds
        its entries above the diagonal.
      **weights: options of the parameters, see `Weights`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `step_size` is not positive or `gamma` is negative.

    Example: all eigenvalues of A have the real part -γ.
      >>> cell = antisymmetric_rnn(4, gamma=0.5)
      >>> params = cell.prepare(cell.init(jax.random.key(0), 3))
      >>> jnp.linalg.eigvals(params["recurrent_kernel"]).real.round(3)
      Array([-0.5, -0.5, -0.5, -0.5], dtype=float32)
    """
    if not step_size > 0:
        raise ValueError(f"step_size must be positive, got {step_size}.")
    if not gamma >= 0:
        raise ValueError(f"gamma must not be negative, got {gamma}.")
    plain = gated_init(
        hidden_size,
        "zh" if gated else "h",
        recurrent="h",
        recurrent_kernel_init=recurrent_kernel_init,
        **weights,
    )

    def init(key, input_size):
        params = plain(key, input_size)
        W = params.pop("recurrent_kernel")
        return params | {"recurrent_weights": W[np.triu_indices(hidden_size, 1)]}

    def prepare(params):
        params = dict(params)
        skew = skew_symmetric(params.pop("recurrent_weights"), hidden_size)
        A = skew - gamma * jnp.eye(hidden_size, dtype=skew.dtype)
        return params | {"recurrent_kernel": A.T}

    make_factors = _gated_factors if gated else _factors
    factors = make_factors(
        step_size, as_activation(activation), weights.get("compute_dtype")
    )
    return factored_cell(init, zero_carry(hidden_size), factors, prepare=prepare)


def _factors(step_size, activation, compute_dtype=None):
    def update(params, carry, pre):
        return carry + step_size * activation(pre)

    return gated_factors(update, compute_dtype)


def _gated_factors(step_size, activation, compute_dtype=None):
    """A pre-activation is (drive of z, drive of h, A h)."""

    def project(params, inputs):
        return (*split(driven(params, inputs, compute_dtype), 2), None)

    def recur(params, carry):
        return None, None, matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        z, h, pull = pre
        return carry + step_size * sigmoid(z + pull) * activation(h + pull)

    return gated_factors(update)._replace(project=project, recur=recur)

"""Gated recurrent units that reset after the recurrent product, or before it."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.activations import Activation, as_activation
from rnnjax.base import Array, Cell, Factors, Params, cached, factored_cell
from rnnjax.cells.parts.gated import (
    GateBias,
    carry_as_output,
    driven,
    gated_init,
    zero_carry,
)
from rnnjax.initializers import Initializer
from rnnjax.products import matmul, split


def gru_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a GRU that resets after the product, as in PyTorch.

        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        zₜ = σ(U_z xₜ + W_z hₜ₋₁ + b_z)
        nₜ = tanh(Uₙ xₜ + bₙ + rₜ ∘ (Wₙ hₜ₋₁ + cₙ))
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 3 * hidden_size]` and, optionally, `bias` b `[3 * hidden_size]`
        and `candidate_bias` cₙ `[hidden_size]`; gates in the order r, z, n.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      gate_activation: σ, or another activation or its name.
      activation: tanh, or another activation or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP
      2014, whose first version on arXiv (1406.1078v1) resets after the product.
    """
    activations = as_activation(gate_activation), as_activation(activation)
    return _factors(True, *activations).step(params, carry, inputs)


def gru_reset_before_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a GRU that resets before the product, as in the paper.

        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        zₜ = σ(U_z xₜ + W_z hₜ₋₁ + b_z)
        nₜ = tanh(Uₙ xₜ + Wₙ (rₜ ∘ hₜ₋₁) + bₙ)
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    The candidate's product is computed after the reset gate, inside the loop over time.

    Arguments and results are those of `gru_step`, but `recurrent_kernel` is Wᵣ and W_z,
    `[hidden_size, 2 * hidden_size]`, and `candidate_kernel` Wₙ
    `[hidden_size, hidden_size]` takes the place of `candidate_bias`.

    References:
      Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP
      2014, equations 5 to 8. Chung et al., "Empirical Evaluation of Gated Recurrent
      Neural Networks", 2014, exchange z and 1 - z.
    """
    activations = as_activation(gate_activation), as_activation(activation)
    return _factors(False, *activations).step(params, carry, inputs)


@cached
def gru(
    hidden_size: int,
    *,
    reset_after: bool = True,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    update_bias: GateBias = 0.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a GRU cell; see `gru_step` and `gru_reset_before_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      reset_after: whether the reset gate acts after the recurrent product, as in
        PyTorch, or before it, as in the paper.
      gate_activation: of r and z, such as `jax.nn.sigmoid`, or its name.
      activation: of the candidate, such as `jnp.tanh`, or its name.
      use_bias: whether there are biases.
      update_bias: added to the initial bias of z: a number, or an initializer. Above 0
        the carry is kept for longer at first, as with an LSTM's `forget_bias`.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      bias_init: initializer of the biases.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Example: with z = 1 the carry is kept, with z = 0 it is the candidate.
      >>> def step(update_bias):
      ...     cell = gru(2, update_bias=update_bias)
      ...     params = cell.init(jax.random.key(0), 3)
      ...     return cell.step(params, jnp.array([5.0, -7.0]), jnp.zeros(3))[0]
      >>> step(100.0)
      Array([ 5., -7.], dtype=float32)
      >>> bool(jnp.all(jnp.abs(step(-100.0)) <= 1))  # that of tanh
      True
    """
    activations = as_activation(gate_activation), as_activation(activation)
    plain = gated_init(
        hidden_size,
        "rzn",
        candidate_apart=not reset_after,
        gate_biases={"z": update_bias},
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )

    def init(key, input_size):
        params = plain(key, input_size)
        if use_bias and reset_after:
            bias_key = jax.random.split(key, 4)[3]
            params["candidate_bias"] = bias_init(bias_key, (hidden_size,), dtype)
        return params

    factors = _factors(reset_after, *activations, compute_dtype)
    return factored_cell(init, zero_carry(hidden_size), factors)


@cached  # cells of equal equations share them: `to_onnx` compares
def _factors(reset_after, gate_activation, activation, compute_dtype=None):
    """A pre-activation is (rz, n, hn): both gates, the candidate, its product."""

    def project(params, inputs):
        drive = driven(params, inputs, compute_dtype)
        rz, n = split(drive, [drive.shape[-1] // 3 * 2])
        return rz, n, None

    def recur(params, carry):
        pull = matmul(carry, params["recurrent_kernel"], compute_dtype)
        if not reset_after:
            return pull, None, None
        rz, hn = split(pull, [pull.shape[-1] // 3 * 2])
        if "candidate_bias" in params:
            hn = hn + params["candidate_bias"]
        return rz, None, hn

    def update(params, carry, pre):
        rz, n, hn = pre
        r, z = split(gate_activation(rz), 2)
        if reset_after:
            n = activation(n + r * hn)
        else:
            product = matmul(r * carry, params["candidate_kernel"], compute_dtype)
            n = activation(n + product)
        return (1 - z) * n + z * carry

    return Factors(project, recur, update, carry_as_output)

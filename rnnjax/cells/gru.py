"""Gated recurrent units, with the reset after the recurrent product or before it."""

import jax
import jax.numpy as jnp
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
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


def gru_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a GRU that resets after the product, as PyTorch and cuDNN.

        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        zₜ = σ(U_z xₜ + W_z hₜ₋₁ + b_z)
        nₜ = tanh(Uₙ xₜ + bₙ + rₜ ∘ (Wₙ hₜ₋₁ + cₙ))
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    The gates stand side by side in the order r, z, n.

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 3 * hidden_size]` and, unless left out, `bias` b
        `[3 * hidden_size]` and `candidate_bias` cₙ `[hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      gate_activation: σ, or its name.
      activation: what stands for tanh, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP
      2014, whose first version on arXiv (1406.1078v1) resets after the product.
    """
    activations = as_activation(gate_activation), as_activation(activation)
    return factored_step(_factors(True, *activations, None))(params, carry, inputs)


def gru_reset_before_step(
    params: Params,
    carry: Array,
    inputs: Array,
    *,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
) -> tuple[Array, Array]:
    """Computes one step of a GRU that resets before the product, as the paper.

        rₜ = σ(Uᵣ xₜ + Wᵣ hₜ₋₁ + bᵣ)
        zₜ = σ(U_z xₜ + W_z hₜ₋₁ + b_z)
        nₜ = tanh(Uₙ xₜ + Wₙ (rₜ ∘ hₜ₋₁) + bₙ)
        hₜ = (1 - zₜ) ∘ nₜ + zₜ ∘ hₜ₋₁

    The second product waits for the reset gate, so it stays in the loop of time.

    Args:
      params: dict of `kernel` U `[input_size, 3 * hidden_size]`, `recurrent_kernel`
        Wᵣ, W_z `[hidden_size, 2 * hidden_size]`, `candidate_kernel` Wₙ
        `[hidden_size, hidden_size]` and, unless left out, `bias` b
        `[3 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      gate_activation: σ, or its name.
      activation: what stands for tanh, or its name.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", EMNLP
      2014, equations 5 to 8. Chung et al., "Empirical Evaluation of Gated Recurrent
      Neural Networks", 2014, exchange z and 1 - z.
    """
    activations = as_activation(gate_activation), as_activation(activation)
    return factored_step(_factors(False, *activations, None))(params, carry, inputs)


@cached
def gru(
    hidden_size: int,
    *,
    reset_after: bool = True,
    gate_activation: str | Activation = sigmoid,
    activation: str | Activation = jnp.tanh,
    use_bias: bool = True,
    update_bias: float = 0.0,
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
      gate_activation: that of r and z, such as `jax.nn.sigmoid`, or its name.
      activation: that of the candidate, such as `jnp.tanh`, or its name.
      use_bias: whether there are biases.
      update_bias: what is added to the initial bias of z: above 0 the carry is kept
        for longer at first, as by an LSTM's `forget_bias`.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      bias_init: initializer of the biases.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive, or an activation is not known.

    Example:
      >>> cell = gru(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size)
    activations = as_activation(gate_activation), as_activation(activation)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        kernel = per_gate(kernel_init, 3)(keys[0], (input_size, 3 * hidden_size), dtype)
        recurrent = per_gate(recurrent_kernel_init, 3)(
            keys[1], (hidden_size, 3 * hidden_size), dtype
        )
        params = {"kernel": kernel, "recurrent_kernel": recurrent}
        if not reset_after:
            gates, candidate = split(recurrent, [2 * hidden_size])
            params |= {"recurrent_kernel": gates, "candidate_kernel": candidate}
        if use_bias:
            r, z, n = split(bias_init(keys[2], (3 * hidden_size,), dtype), 3)
            params["bias"] = jnp.concatenate([r, z + update_bias, n])
        if use_bias and reset_after:
            params["candidate_bias"] = bias_init(keys[3], (hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["recurrent_kernel"].dtype
        return jnp.zeros((*batch_shape, hidden_size), dtype)

    factors = _factors(reset_after, *activations, compute_dtype)
    return factored_cell(init, initial_carry, factors)


@cached
def _factors(reset_after, gate_activation, activation, compute_dtype):
    """A pre-activation is (rz, n, hn): both gates, the candidate, its product."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        drive = drive + params["bias"] if "bias" in params else drive
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

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)

"""The LSTM with layer normalization."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

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
from rnnjax.cells.lstm import LSTMCarry
from rnnjax.cells.parts.normalization import layer_norm
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


def lstm_layer_norm_step(
    params: Params, carry: LSTMCarry, inputs: Array, *, epsilon: float = 1e-5
) -> tuple[LSTMCarry, Array]:
    """Computes one step of an LSTM with layer normalization.

        [iₜ, fₜ, gₜ, oₜ] = LN(U xₜ; α) + LN(W hₜ₋₁; β) + b
        cₜ = σ(fₜ) ∘ cₜ₋₁ + σ(iₜ) ∘ tanh(gₜ)
        hₜ = σ(oₜ) ∘ tanh(LN(cₜ; γ) + d)

    LN brings a vector to mean 0 and variance 1 and multiplies it by its gains. The four
    gates, side by side in the order i, f, g, o, are normalized as one vector, and what
    comes from the inputs apart from what comes from the carry.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]`, `kernel_scale` α and `recurrent_scale` β
        `[4 * hidden_size]`, `cell_scale` γ `[hidden_size]` and, unless left out,
        `bias` b `[4 * hidden_size]` and `cell_bias` d `[hidden_size]`.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      epsilon: what is added to a variance.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Ba, Kiros and Hinton, "Layer Normalization", 2016, equations 20 to 22. Their three
      biases of a gate are added up, so one does for all.
    """
    return factored_step(_factors(epsilon, None))(params, carry, inputs)


@cached
def lstm_layer_norm(
    hidden_size: int,
    *,
    epsilon: float = 1e-5,
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    scale_init: Initializer = initializers.ones,
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes an LSTM cell with layer normalization; see `lstm_layer_norm_step`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      epsilon: what is added to a variance.
      use_bias: whether there are biases.
      forget_bias: what is added to the initial bias of the forget gate.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      scale_init: initializer of the gains.
      bias_init: initializer of the biases, before `forget_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` or `epsilon` is not positive.

    Example:
      >>> cell = lstm_layer_norm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.c.shape
      ((4,), (4,))
    """
    check_positive(hidden_size=hidden_size)
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}.")

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 7)
        width = 4 * hidden_size
        params = {
            "kernel": per_gate(kernel_init, 4)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 4)(
                keys[1], (hidden_size, width), dtype
            ),
            "kernel_scale": scale_init(keys[2], (width,), dtype),
            "recurrent_scale": scale_init(keys[3], (width,), dtype),
            "cell_scale": scale_init(keys[4], (hidden_size,), dtype),
        }
        if use_bias:
            i, f, g, o = split(bias_init(keys[5], (width,), dtype), 4)
            params["bias"] = jnp.concatenate([i, f + forget_bias, g, o])
            params["cell_bias"] = bias_init(keys[6], (hidden_size,), dtype)
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["recurrent_kernel"].dtype
        return LSTMCarry(h=jnp.zeros(shape, dtype), c=jnp.zeros(shape, dtype))

    return factored_cell(init, initial_carry, _factors(epsilon, compute_dtype))


@cached
def _factors(epsilon, compute_dtype):
    """A pre-activation is (drive, pull): the carry's part is normalized by itself."""

    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        drive = layer_norm(drive, params["kernel_scale"], epsilon)
        return drive + params["bias"] if "bias" in params else drive, None

    def recur(params, carry):
        return None, matmul(carry.h, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        drive, pull = pre
        gates = drive + layer_norm(pull, params["recurrent_scale"], epsilon)
        i, f, g, o = split(gates, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        shown = layer_norm(c, params["cell_scale"], epsilon)
        shown = shown + params["cell_bias"] if "cell_bias" in params else shown
        return LSTMCarry(h=sigmoid(o) * jnp.tanh(shown), c=c)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)

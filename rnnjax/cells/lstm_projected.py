"""The LSTM that shows, and recurs on, a projection of itself."""

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
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


def lstm_projected_step(
    params: Params, carry: LSTMCarry, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one step of an LSTM with a recurrent projection.

        iₜ = σ(Uᵢ xₜ + Wᵢ hₜ₋₁ + bᵢ)
        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + b_f)
        gₜ = tanh(U_g xₜ + W_g hₜ₋₁ + b_g)
        oₜ = σ(Uₒ xₜ + Wₒ hₜ₋₁ + bₒ)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        hₜ = W_h (oₜ ∘ tanh(cₜ))

    The gates stand side by side in the order i, f, g, o. The last product waits for
    them, so it stays in the loop of time.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[projection_size, 4 * hidden_size]`, `projection_kernel` W_h
        `[hidden_size, projection_size]` and, unless left out, `bias` b
        `[4 * hidden_size]`.
      carry: hₜ₋₁ `[..., projection_size]` and cₜ₋₁ `[..., hidden_size]`.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., projection_size]`.

    References:
      Sak, Senior and Beaufays, "Long Short-Term Memory Recurrent Neural Network
      Architectures for Large Scale Acoustic Modeling", Interspeech 2014, equations 7 to
      14, where h is r. Without their peepholes and their second projection that does
      not recur, as PyTorch's `proj_size`.
    """
    return factored_step(_factors(None))(params, carry, inputs)


@cached
def lstm_projected(
    hidden_size: int,
    projection_size: int,
    *,
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes an LSTM cell with a projection; see `lstm_projected_step`.

    Args:
      hidden_size: width of c.
      projection_size: width of h and of the outputs.
      use_bias: whether there is a bias.
      forget_bias: what is added to the initial bias of the forget gate.
      kernel_init: initializer of each gate's input matrix, and of the projection.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      bias_init: initializer of the bias, before `forget_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` or `projection_size` is not positive.

    Example:
      >>> cell = lstm_projected(4, 2)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.c.shape
      ((2,), (4,))
    """
    check_positive(hidden_size=hidden_size, projection_size=projection_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        width = 4 * hidden_size
        params = {
            "kernel": per_gate(kernel_init, 4)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 4)(
                keys[1], (projection_size, width), dtype
            ),
            "projection_kernel": kernel_init(
                keys[2], (hidden_size, projection_size), dtype
            ),
        }
        if use_bias:
            i, f, g, o = split(bias_init(keys[3], (width,), dtype), 4)
            params["bias"] = jnp.concatenate([i, f + forget_bias, g, o])
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["recurrent_kernel"].dtype
        h = jnp.zeros((*batch_shape, projection_size), dtype)
        return LSTMCarry(h=h, c=jnp.zeros((*batch_shape, hidden_size), dtype))

    return factored_cell(init, initial_carry, _factors(compute_dtype))


@cached
def _factors(compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry.h, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        i, f, g, o = split(pre, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        shown = sigmoid(o) * jnp.tanh(c)
        return LSTMCarry(
            h=matmul(shown, params["projection_kernel"], compute_dtype), c=c
        )

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)

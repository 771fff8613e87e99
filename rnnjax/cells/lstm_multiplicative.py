"""The LSTM whose recurrent matrix depends on the input."""

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


def lstm_multiplicative_step(
    params: Params, carry: LSTMCarry, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one step of a multiplicative LSTM.

        mₜ = (Uₘ xₜ) ∘ (Wₘ hₜ₋₁)
        iₜ = σ(Uᵢ xₜ + Wᵢ mₜ + bᵢ)
        fₜ = σ(U_f xₜ + W_f mₜ + b_f)
        gₜ = tanh(U_g xₜ + W_g mₜ + b_g)
        oₜ = σ(Uₒ xₜ + Wₒ mₜ + bₒ)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        hₜ = oₜ ∘ tanh(cₜ)

    The gates stand side by side in the order i, f, g, o. Their product with m waits for
    the product that makes m, so it stays in the loop of time.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]`, `factor_kernel` Uₘ
        `[input_size, hidden_size]`, `recurrent_factor_kernel` Wₘ
        `[hidden_size, hidden_size]` and, unless left out, `bias` b
        `[4 * hidden_size]`.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Krause, Lu, Murray and Renals, "Multiplicative LSTM for Sequence Modelling", ICLR
      workshop 2017, section 3, with m as wide as h. The gates have biases here, and
      the output gate acts after tanh as in `lstm_step`.
    """
    return factored_step(_factors(None))(params, carry, inputs)


@cached
def lstm_multiplicative(
    hidden_size: int,
    *,
    use_bias: bool = True,
    forget_bias: float = 1.0,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a multiplicative LSTM cell; see `lstm_multiplicative_step`.

    Args:
      hidden_size: width of h, of c and of the outputs.
      use_bias: whether there is a bias.
      forget_bias: what is added to the initial bias of the forget gate.
      kernel_init: initializer of each gate's input matrix, and of Uₘ.
      recurrent_kernel_init: initializer of each gate's recurrent matrix, and of Wₘ.
      bias_init: initializer of the bias, before `forget_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = lstm_multiplicative(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.c.shape
      ((4,), (4,))
    """
    check_positive(hidden_size=hidden_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        kernel = per_gate(kernel_init, 5)(keys[0], (input_size, 5 * hidden_size), dtype)
        recurrent = per_gate(recurrent_kernel_init, 5)(
            keys[1], (hidden_size, 5 * hidden_size), dtype
        )
        kernel, factor = split(kernel, [4 * hidden_size])
        recurrent, recurrent_factor = split(recurrent, [4 * hidden_size])
        params = {
            "kernel": kernel,
            "recurrent_kernel": recurrent,
            "factor_kernel": factor,
            "recurrent_factor_kernel": recurrent_factor,
        }
        if use_bias:
            i, f, g, o = split(bias_init(keys[2], (4 * hidden_size,), dtype), 4)
            params["bias"] = jnp.concatenate([i, f + forget_bias, g, o])
        return params

    def initial_carry(params, batch_shape=()):
        shape, dtype = (*batch_shape, hidden_size), params["recurrent_kernel"].dtype
        return LSTMCarry(h=jnp.zeros(shape, dtype), c=jnp.zeros(shape, dtype))

    return factored_cell(init, initial_carry, _factors(compute_dtype))


@cached
def _factors(compute_dtype):
    """A pre-activation is (gates, xm, hm): U x + b and both factors of m."""

    def project(params, inputs):
        gates = matmul(inputs, params["kernel"], compute_dtype)
        gates = gates + params["bias"] if "bias" in params else gates
        return gates, matmul(inputs, params["factor_kernel"], compute_dtype), None

    def recur(params, carry):
        hm = matmul(carry.h, params["recurrent_factor_kernel"], compute_dtype)
        return None, None, hm

    def update(params, carry, pre):
        gates, xm, hm = pre
        gates = gates + matmul(xm * hm, params["recurrent_kernel"], compute_dtype)
        i, f, g, o = split(gates, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        return LSTMCarry(h=sigmoid(o) * jnp.tanh(c), c=c)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)

"""Long short-term memory."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import export
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
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


class LSTMCarry(NamedTuple):
    """The carry of an LSTM.

    Attributes:
      h: `[..., hidden_size]`, what the cell shows.
      c: `[..., hidden_size]`, what it keeps.
    """

    h: Array
    c: Array


export.register_namedtuple_serialization(LSTMCarry, serialized_name="rnnjax.LSTMCarry")


def lstm_step(
    params: Params, carry: LSTMCarry, inputs: Array
) -> tuple[LSTMCarry, Array]:
    """Computes one step of an LSTM with a forget gate.

        iₜ = σ(Uᵢ xₜ + Wᵢ hₜ₋₁ + bᵢ)
        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + b_f)
        gₜ = tanh(U_g xₜ + W_g hₜ₋₁ + b_g)
        oₜ = σ(Uₒ xₜ + Wₒ hₜ₋₁ + bₒ)
        cₜ = fₜ ∘ cₜ₋₁ + iₜ ∘ gₜ
        hₜ = oₜ ∘ tanh(cₜ)

    The gates stand side by side in the order i, f, g, o. Nothing is added to the
    forget gate here: its initial bias is in `bias`.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]` and, unless left out, `bias` b
        `[4 * hidden_size]`.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997;
      Gers, Schmidhuber and Cummins, "Learning to Forget", Neural Computation 2000,
      for the forget gate. Without peepholes, as most since.
    """
    return factored_step(_factors(None))(params, carry, inputs)


@cached
def lstm(
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
    """Makes an LSTM cell; see `lstm_step` for the equations.

    Args:
      hidden_size: width of h, of c and of the outputs.
      use_bias: whether there is a bias.
      forget_bias: what is added to the initial bias of the forget gate.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      bias_init: initializer of the bias, before `forget_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell, over `LSTMCarry`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = lstm(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape, carry.c.shape
      ((4,), (4,))

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, for `forget_bias=1`.
    """
    check_positive(hidden_size=hidden_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 3)
        width = 4 * hidden_size
        params = {
            "kernel": per_gate(kernel_init, 4)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 4)(
                keys[1], (hidden_size, width), dtype
            ),
        }
        if use_bias:
            i, f, g, o = split(bias_init(keys[2], (width,), dtype), 4)
            params["bias"] = jnp.concatenate([i, f + forget_bias, g, o])
        return params

    def initial_carry(params, batch_shape=()):
        # two arrays, not one twice: a caller may donate the carry to `jax.jit`
        shape, dtype = (*batch_shape, hidden_size), params["recurrent_kernel"].dtype
        return LSTMCarry(h=jnp.zeros(shape, dtype), c=jnp.zeros(shape, dtype))

    return factored_cell(init, initial_carry, _factors(compute_dtype))


@cached
def _factors(compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry.h, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params
        i, f, g, o = split(pre, 4)
        c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
        return LSTMCarry(h=sigmoid(o) * jnp.tanh(c), c=c)

    def readout(params, carry, inputs):
        del params, inputs
        return carry.h

    return Factors(project, recur, update, readout)

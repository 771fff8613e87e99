"""Long short-term memory."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import Array, Cell, Params, cached, factored_cell, serializable
from rnnjax.cells.parts.gated import GateBias, gated_factors, gated_init, zero_carry
from rnnjax.initializers import Initializer
from rnnjax.products import split


@serializable
class LSTMCarry(NamedTuple):
    """The carry of an LSTM.

    Attributes:
      h: `[..., hidden_size]`, the outputs.
      c: `[..., hidden_size]`, the memory.
    """

    h: Array
    c: Array


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

    Nothing is added to the forget gate here: its initial bias is in `bias`.

    Args:
      params: dict of `kernel` U `[input_size, 4 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 4 * hidden_size]` and, optionally, `bias` b `[4 * hidden_size]`;
        gates in the order i, f, g, o.
      carry: hₜ₋₁ and cₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      The carry of hₜ and cₜ, and the outputs hₜ `[..., hidden_size]`.

    References:
      Hochreiter and Schmidhuber, "Long Short-Term Memory", Neural Computation 1997;
      Gers, Schmidhuber and Cummins, "Learning to Forget", Neural Computation 2000,
      for the forget gate. Without peepholes, as is common since.
    """
    return _factors().step(params, carry, inputs)


@cached
def lstm(
    hidden_size: int,
    *,
    use_bias: bool = True,
    forget_bias: GateBias = 1.0,
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
      forget_bias: added to the initial bias of the forget gate: a number, or an
        initializer such as `rnnjax.initializers.chrono(num_steps)`.
      kernel_init: initializer of each gate's input matrix.
      recurrent_kernel_init: initializer of each gate's recurrent matrix.
      bias_init: initializer of the bias, before `forget_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the products, see `rnnjax.products.matmul`.

    Returns:
      The cell, over `LSTMCarry`.

    Example: the constant error carousel: with f = 1 and i = 0, c and its gradient
      pass through any number of steps unchanged.
      >>> cell = lstm(1)
      >>> params = cell.init(jax.random.key(0), 2)
      >>> params["bias"] = jnp.array([-100.0, 100.0, 0.0, 0.0])  # i, f, g, o
      >>> def last(c):
      ...     carry = LSTMCarry(h=jnp.zeros(1), c=c)
      ...     for _ in range(50):
      ...         carry, _ = cell.step(params, carry, jnp.ones(2))
      ...     return carry.c[0]
      >>> jax.value_and_grad(last)(jnp.array([3.0]))
      (Array(3., dtype=float32), Array([1.], dtype=float32))

    References:
      Jozefowicz, Zaremba and Sutskever, "An Empirical Exploration of Recurrent Network
      Architectures", ICML 2015, for `forget_bias=1`.
    """
    init = gated_init(
        hidden_size,
        "ifgo",
        gate_biases={"f": forget_bias},
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    initial_carry = zero_carry(hidden_size, hidden_size, carry_type=LSTMCarry)
    return factored_cell(init, initial_carry, _factors(compute_dtype))


@cached  # cells of equal equations share them: `to_onnx` compares
def _factors(compute_dtype=None):
    return gated_factors(_update, compute_dtype, shown=lambda carry: carry.h)


def _update(params, carry, pre):
    i, f, g, o = split(pre, 4)
    c = sigmoid(f) * carry.c + sigmoid(i) * jnp.tanh(g)
    return LSTMCarry(h=sigmoid(o) * jnp.tanh(c), c=c)

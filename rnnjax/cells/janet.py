"""The LSTM with a forget gate alone."""

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
from rnnjax.initializers import Initializer, per_gate
from rnnjax.products import matmul, split


def janet_step(
    params: Params, carry: Array, inputs: Array, *, beta: float = 1.0
) -> tuple[Array, Array]:
    """Computes one step of a JANET, Just Another NETwork.

        sₜ = U_f xₜ + W_f hₜ₋₁ + b_f
        gₜ = tanh(U_g xₜ + W_g hₜ₋₁ + b_g)
        hₜ = σ(sₜ) ∘ hₜ₋₁ + (1 - σ(sₜ - β)) ∘ gₜ

    With β > 0 the new enters more than the old is forgotten, so h may leave [-1, 1].
    The parts stand side by side in the order f, g.

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 2 * hidden_size]` and, unless left out, `bias` b
        `[2 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.
      beta: β.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      van der Westhuizen and Lasenby, "The Unreasonable Effectiveness of the Forget
      Gate", 2018, section 3, where h is c too.
    """
    return factored_step(_factors(beta, None))(params, carry, inputs)


@cached
def janet(
    hidden_size: int,
    *,
    beta: float = 1.0,
    use_bias: bool = True,
    forget_bias_init: Initializer = initializers.ones,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a JANET cell; see `janet_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      beta: β, by which more enters than is forgotten; the paper's is 1.
      use_bias: whether there is a bias.
      forget_bias_init: initializer of the forget gate's bias; the paper's, for
        sequences of up to T steps, is `rnnjax.initializers.chrono(T)`.
      kernel_init: initializer of each part's input matrix.
      recurrent_kernel_init: initializer of each part's recurrent matrix.
      bias_init: initializer of the other bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = janet(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    check_positive(hidden_size=hidden_size)

    def init(key, input_size):
        check_positive(input_size=input_size)
        keys = jax.random.split(key, 4)
        width = 2 * hidden_size
        params = {
            "kernel": per_gate(kernel_init, 2)(keys[0], (input_size, width), dtype),
            "recurrent_kernel": per_gate(recurrent_kernel_init, 2)(
                keys[1], (hidden_size, width), dtype
            ),
        }
        if use_bias:
            f = forget_bias_init(keys[2], (hidden_size,), dtype)
            g = bias_init(keys[3], (hidden_size,), dtype)
            params["bias"] = jnp.concatenate([f, g])
        return params

    def initial_carry(params, batch_shape=()):
        dtype = params["recurrent_kernel"].dtype
        return jnp.zeros((*batch_shape, hidden_size), dtype)

    return factored_cell(init, initial_carry, _factors(beta, compute_dtype))


@cached
def _factors(beta, compute_dtype):
    def project(params, inputs):
        drive = matmul(inputs, params["kernel"], compute_dtype)
        return drive + params["bias"] if "bias" in params else drive

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params
        s, g = split(pre, 2)
        return sigmoid(s) * carry + (1 - sigmoid(s - beta)) * jnp.tanh(g)

    def readout(params, carry, inputs):
        del params, inputs
        return carry

    return Factors(project, recur, update, readout)

"""The minimal gated unit and the update gate network: one gate each."""

import jax
import jax.numpy as jnp
from jax.nn import initializers, sigmoid

from rnnjax.base import (
    Array,
    Cell,
    Factors,
    Params,
    cached,
    factored_cell,
    factored_step,
)
from rnnjax.cells.parts.gated import (
    carry_as_output,
    driven,
    gated_init,
    with_candidate_kernel,
    zero_carry,
)
from rnnjax.initializers import Initializer
from rnnjax.products import matmul, split


def mgu_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of a minimal gated unit.

        fₜ = σ(U_f xₜ + W_f hₜ₋₁ + b_f)
        nₜ = tanh(Uₙ xₜ + Wₙ (fₜ ∘ hₜ₋₁) + bₙ)
        hₜ = (1 - fₜ) ∘ hₜ₋₁ + fₜ ∘ nₜ

    Side by side in the order f, n.

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]`, `recurrent_kernel`
        W_f `[hidden_size, hidden_size]`, `candidate_kernel` Wₙ of the same shape and,
        unless left out, `bias` b `[2 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Zhou, Wu, Zhang and Zhou, "Minimal Gated Unit for Recurrent Neural Networks",
      International Journal of Automation and Computing 2016, equations 6a to 6c.
    """
    return factored_step(_mgu_factors(None))(params, carry, inputs)


@cached
def mgu(
    hidden_size: int,
    *,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes a minimal gated unit; see `mgu_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's input matrix.
      recurrent_kernel_init: initializer of each part's recurrent matrix.
      bias_init: initializer of the bias.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> cell = mgu(4)
      >>> params = cell.init(jax.random.key(0), 3)
      >>> carry, outputs = cell.step(params, cell.initial_carry(params), jnp.ones(3))
      >>> outputs.shape
      (4,)
    """
    plain = gated_init(
        hidden_size,
        2,
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )
    init = with_candidate_kernel(plain)
    return factored_cell(init, zero_carry(hidden_size), _mgu_factors(compute_dtype))


@cached
def _mgu_factors(compute_dtype):
    def project(params, inputs):
        f, n = split(driven(params, inputs, compute_dtype), 2)
        return f, n

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"], compute_dtype), None

    def update(params, carry, pre):
        f = sigmoid(pre[0])
        product = matmul(f * carry, params["candidate_kernel"], compute_dtype)
        return (1 - f) * carry + f * jnp.tanh(pre[1] + product)

    return Factors(project, recur, update, carry_as_output)


def ugrnn_step(params: Params, carry: Array, inputs: Array) -> tuple[Array, Array]:
    """Computes one step of an update gate network.

        gₜ = σ(U_g xₜ + W_g hₜ₋₁ + b_g)
        nₜ = tanh(Uₙ xₜ + Wₙ hₜ₋₁ + bₙ)
        hₜ = gₜ ∘ hₜ₋₁ + (1 - gₜ) ∘ nₜ

    Side by side in the order g, n.

    Args:
      params: dict of `kernel` U `[input_size, 2 * hidden_size]`, `recurrent_kernel` W
        `[hidden_size, 2 * hidden_size]` and, unless left out, `bias` b
        `[2 * hidden_size]`.
      carry: `[..., hidden_size]`, hₜ₋₁.
      inputs: `[..., input_size]`, xₜ.

    Returns:
      hₜ `[..., hidden_size]`, as the carry and as the outputs.

    References:
      Collins, Sohl-Dickstein and Sussillo, "Capacity and Trainability in Recurrent
      Neural Networks", ICLR 2017, appendix; there a constant is added to the gate,
      here it is in the initial bias.
    """
    return factored_step(_ugrnn_factors(None))(params, carry, inputs)


@cached
def ugrnn(
    hidden_size: int,
    *,
    update_bias: float = 1.0,
    use_bias: bool = True,
    kernel_init: Initializer = initializers.lecun_normal(),
    recurrent_kernel_init: Initializer = initializers.orthogonal(),
    bias_init: Initializer = initializers.zeros,
    dtype: jax.typing.DTypeLike = jnp.float32,
    compute_dtype: jax.typing.DTypeLike | None = None,
) -> Cell:
    """Makes an update gate network; see `ugrnn_step` for the equations.

    Args:
      hidden_size: width of the carry and of the outputs.
      update_bias: what is added to the initial bias of the gate: above 0 the carry is
        kept for longer at first.
      use_bias: whether there is a bias.
      kernel_init: initializer of each part's input matrix.
      recurrent_kernel_init: initializer of each part's recurrent matrix.
      bias_init: initializer of the bias, before `update_bias` is added.
      dtype: dtype of the parameters, hence of the carry and the outputs.
      compute_dtype: dtype of the factors of the products, such as bfloat16; None: the
        parameters' own.

    Returns:
      The cell; its carry is one array `[..., hidden_size]`.

    Raises:
      ValueError: if `hidden_size` is not positive.

    Example:
      >>> ugrnn(2).init(jax.random.key(0), 3)["bias"]
      Array([1., 1., 0., 0.], dtype=float32)
    """
    plain = gated_init(
        hidden_size,
        2,
        use_bias=use_bias,
        kernel_init=kernel_init,
        recurrent_kernel_init=recurrent_kernel_init,
        bias_init=bias_init,
        dtype=dtype,
    )

    def init(key, input_size):
        params = plain(key, input_size)
        if "bias" in params:
            params["bias"] = params["bias"].at[:hidden_size].add(update_bias)
        return params

    return factored_cell(init, zero_carry(hidden_size), _ugrnn_factors(compute_dtype))


@cached
def _ugrnn_factors(compute_dtype):
    def project(params, inputs):
        return driven(params, inputs, compute_dtype)

    def recur(params, carry):
        return matmul(carry, params["recurrent_kernel"], compute_dtype)

    def update(params, carry, pre):
        del params
        g, n = split(pre, 2)
        g = sigmoid(g)
        return g * carry + (1 - g) * jnp.tanh(n)

    return Factors(project, recur, update, carry_as_output)
